/**
 * An open device as the other classes here see it: the ibv_context, the PD that all DEKs share, and who still lives in
 * it. Not part of the package's API: a caller never holds one, so that no caller can hand in a pointer.
 */
import type {LoginState} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {type Caps, readCaps} from './caps/caps.js';
import {hasMultiBlock, readCapsNow} from './caps/caps-now.js';
import {type HcaCaps, readHcaCaps} from './caps/hca-caps.js';
import {CommandQueue} from './command-queue.js';
import {DekTable} from './dek/dek-table.js';
import type {ContextPtr, DevxObjPtr, Library, LoginPtr, PdPtr} from './ffi.js';
import type {DeviceInfo} from './list.js';
import {allocPd, type Pd, type PdMaker, pdNumber} from './pd.js';
import type {About} from './refusal/errno-table.js';

/** The login of a context: what login.ts has made, without its class. */
export interface ContextLogin {
  /** What a wrapped DEK names; null in the session API, where the context itself is the handle. */
  readonly object: LoginPtr | null;
  query(): LoginState;
  close(): void;
}

/** What a prover has on the NIC: pointers of libibverbs and libmlx5. */
export interface ProverParts {
  readonly cq: bigint;
  readonly qp: bigint | undefined;
  readonly mr: bigint;
  readonly mkeys: readonly bigint[];
}

/** What data-path/prover.ts has made, without its class. */
export interface ContextProver {
  readonly busy: boolean;
  readonly parts: ProverParts;
  idle(): Promise<void>;
  close(): void;
}

export class Context {
  readonly lib: Library;
  readonly info: DeviceInfo;
  /** What the NIC said when it was opened, by which libmlx5 decides. */
  readonly caps: Caps;
  /** DEKs that were created here and not yet destroyed. */
  readonly deks = new DekTable();
  readonly queue: CommandQueue;
  /** Those that are open. */
  readonly provers = new Set<ContextProver>();
  login: ContextLogin | undefined;
  /** What was made to explain a refusal, and the firmware did not let go of yet. */
  readonly strays = new Set<DevxObjPtr>();
  /** Creates that are under way: each may name the login. */
  creates = 0;
  /** Another process opened it. */
  readonly isImported: boolean;
  /** Is told when it has got a login or objects for proofs, before they are used, and when they are gone. */
  changed: (() => void) | undefined;
  readonly #makePd: PdMaker;
  #ptr: ContextPtr | null;
  #pd: Pd | undefined;
  #closing = false;

  /** With `importPd` it is another process's. */
  constructor(lib: Library, ptr: ContextPtr, info: DeviceInfo, importPd?: PdMaker) {
    this.lib = lib;
    this.info = info;
    this.queue = new CommandQueue(lib.async.slots);
    this.isImported = importPd !== undefined;
    this.#makePd = importPd ?? allocPd;
    this.#ptr = ptr;
    try {
      this.caps = readCaps(lib, ptr, info.name);
      if (importPd) this.#pd = importPd(lib, ptr, info.name);
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
    this.#pd ??= this.#makePd(this.lib, this.ptr, this.info.name);
    return this.#pd.ptr;
  }

  /** The number that the NIC has for `pd`. */
  get pdn(): number {
    return pdNumber(this.lib, this.pd);
  }

  /** What the NIC says now: a firmware command. Throws CLOSED, DEVICE_GONE. */
  capsNow(): Caps {
    return readCapsNow(this.lib, this.ptr, this.caps, this.#about);
  }

  /** Whether the NIC has the multi-block engine, also where libmlx5 does not know it: a firmware command. */
  hasMultiBlock(): boolean {
    return hasMultiBlock(this.lib, this.ptr, this.#about);
  }

  /** What the firmware says that libmlx5 does not read: three firmware commands. Throws CLOSED, DEVICE_GONE. */
  hcaCaps(): HcaCaps {
    return readHcaCaps(this.lib, this.ptr, this.#about);
  }

  /** Whether the NIC still takes commands: a protection domain comes and goes without a trace. */
  answers(): boolean {
    const pd = this.#ptr && this.lib.ibv_alloc_pd(this.#ptr);
    if (pd === null) return false;
    this.lib.ibv_dealloc_pd(pd);
    return true;
  }

  /** Tries again to destroy what strays, as long as the device is open. */
  sweep(): void {
    if (this.closed) return;
    for (const object of this.strays) if (this.lib.mlx5dv_devx_obj_destroy(object) === 0) this.strays.delete(object);
  }

  get #about(): About {
    return {device: this.info.name, answers: () => this.answers()};
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
    this.#pd?.close();
    this.leave();
  }

  /** Closes the device file alone: what is in the context lives on where another process has it too. */
  leave(): void {
    const ptr = this.ptr;
    this.#ptr = null;
    this.lib.ibv_close_device(ptr);
  }
}
