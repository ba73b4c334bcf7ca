/**
 * An open device as the other classes here see it: the ibv_context, the PD that all DEKs share, and who still lives in
 * it. Not part of the package's API: a caller never holds one, so that no caller can hand in a pointer.
 */
import {DekError} from '../errors.js';
import {type Caps, readCaps} from './caps.js';
import {readCapsNow} from './caps-now.js';
import {DekTable} from './dek-table.js';
import type {ContextPtr, Library, PdPtr} from './ffi.js';
import {Lanes} from './lanes.js';
import type {DeviceInfo} from './list.js';
import type {Login} from './login.js';
import {Pd} from './pd.js';

export class Context {
  readonly lib: Library;
  readonly info: DeviceInfo;
  /** What the NIC said when it was opened, by which libmlx5 decides. */
  readonly caps: Caps;
  /** DEKs that were created here and not yet destroyed. */
  readonly deks = new DekTable();
  readonly lanes: Lanes;
  login: Login | undefined;
  /** Creates that are under way: each may name the login. */
  creates = 0;
  #ptr: ContextPtr | null;
  #pd: Pd | undefined;
  #closing = false;

  constructor(lib: Library, ptr: ContextPtr, info: DeviceInfo) {
    this.lib = lib;
    this.info = info;
    this.lanes = new Lanes(lib.async.room);
    this.#ptr = ptr;
    try {
      this.caps = readCaps(lib, ptr, info.name);
    } catch (error) {
      lib.ibv_close_device(ptr);
      throw error;
    }
  }

  /** Throws CLOSED after `close`, and while calls are refused. */
  get ptr(): ContextPtr {
    if (this.#ptr === null) throw new DekError('CLOSED', `device ${this.info.name} is closed`);
    if (this.#closing) throw new DekError('CLOSED', `device ${this.info.name} is being closed`);
    return this.#ptr;
  }

  get closed(): boolean {
    return this.#ptr === null;
  }

  /** The protection domain of all DEKs of this context, allocated when the first one is made. */
  get pd(): PdPtr {
    this.#pd ??= new Pd(this.lib, this.ptr, this.info.name);
    return this.#pd.ptr;
  }

  /** What the NIC says now: a firmware command. Throws CLOSED, DEVICE_GONE. */
  capsNow(): Caps {
    return readCapsNow(this.lib, this.ptr, this.caps, {device: this.info.name, answers: () => this.answers()});
  }

  /** Whether the NIC still takes commands: a protection domain comes and goes without a trace. */
  answers(): boolean {
    const pd = this.#ptr && this.lib.ibv_alloc_pd(this.#ptr);
    if (pd === null) return false;
    this.lib.ibv_dealloc_pd(pd);
    return true;
  }

  /** Whether new calls find the device closed while those under way come to their end. */
  refuseCalls(refuse: boolean): void {
    this.#closing = refuse;
  }

  /**
   * Closes the device file, upon which the kernel frees whatever this context still owns on the NIC. Every pointer
   * that hangs on it is dead from here on; `ptr` guards them all.
   */
  close(): void {
    const ptr = this.ptr;
    this.#pd?.close();
    this.#ptr = null;
    this.lib.ibv_close_device(ptr);
  }
}
