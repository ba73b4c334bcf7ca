/**
 * An open device as the other classes here see it: the ibv_context, the PD that all DEKs share, and who still lives in
 * it. Not part of the package's API: a caller never holds one, so that no caller can hand in a pointer.
 */
import type {LoginState} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {type Caps, readCaps} from './caps/caps.js';
import {type Asked, hasMultiBlock, readCapsNow} from './caps/caps-now.js';
import {type HcaCaps, readHcaCaps} from './caps/hca-caps.js';
import {CommandQueue} from './command-queue.js';
import {DekTable} from './dek/dek-table.js';
import type {ContextPtr, DevxObjPtr, Library, LoginPtr, PdPtr} from './ffi.js';
import type {DeviceInfo} from './list.js';
import {allocPd, type Pd, type PdMaker, pdNumber} from './pd.js';
import {call, runHere, runOff, type Steps, wait} from './steps.js';

/** The login of a context: what login.ts has made, without its class. */
export interface ContextLogin {
  /** What a wrapped DEK names; null in the session API, where the context itself is the handle. */
  readonly object: LoginPtr | null;
  query(): Steps<LoginState>;
  /** Also while the context is being closed. */
  close(): Steps<void>;
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
  closing(): Steps<void>;
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
  /** A login is under way. */
  loggingIn = false;
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
  #allocating: Promise<void> | undefined;
  #closing = false;
  /** Work that `off` has begun and that is not done. */
  #underWay = 0;
  #answered = 0;
  /** Who waits for the end of some of it. */
  readonly #whenLess: (() => void)[] = [];
  /** Of that work what closes the context, and waits for the rest. */
  #closers = 0;

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
      if (importPd) this.#pd = runHere(lib, importPd(lib, ptr, info.name));
    } catch (error) {
      lib.ibv_close_device(ptr);
      throw error;
    }
  }

  get refusesCalls(): boolean {
    return this.#closing;
  }

  /** Throws CLOSED after `close`, and while calls are refused. */
  get ptr(): ContextPtr {
    if (this.#closing) throw new DekError('CLOSED', `device ${this.info.name} is being closed`);
    return this.openPtr;
  }

  /** For what closes it: throws CLOSED after `close` alone. */
  get openPtr(): ContextPtr {
    if (this.#ptr === null) throw new DekError('CLOSED', `device ${this.info.name} is closed`);
    return this.#ptr;
  }

  get closed(): boolean {
    return this.#ptr === null;
  }

  /** Runs work on this thread. Throws what it throws. */
  here<T>(work: Steps<T>): T {
    return runHere(this.lib, work);
  }

  /** Runs work off this thread: the device is not closed before its end. Rejects with what it throws. */
  async off<T>(work: Steps<T>): Promise<T> {
    this.#underWay++;
    try {
      return await runOff(this.lib, work, () => {
        this.#answered++;
      });
    } finally {
      this.#underWay--;
      for (const resolve of this.#whenLess.splice(0)) resolve();
    }
  }

  /** How many calls off this thread have come back. */
  get answered(): number {
    return this.queue.settled + this.#answered;
  }

  /** Resolves when no work of `off` is under way: all that was made is known then, as long as the thread is kept. */
  async quiet(): Promise<void> {
    while (this.#underWay > 0) await this.#less();
  }

  /** Whether calls are under way off this thread. */
  get busy(): boolean {
    return this.#underWay > 0 || this.queue.busy || [...this.provers].some(({busy}) => busy);
  }

  /** Resolves when none are. */
  async idle(): Promise<void> {
    while (this.busy) {
      await this.queue.idle();
      for (const prover of this.provers) await prover.idle();
      await this.quiet();
    }
  }

  /** The protection domain of all DEKs of this context, allocated when the first one is made. */
  get pd(): PdPtr {
    this.#pd ??= this.here(this.#makePd(this.lib, this.ptr, this.info.name));
    return this.#pd.ptr;
  }

  get hasPd(): boolean {
    return this.#pd !== undefined;
  }

  /** Allocates it, off this thread, if it is not there yet. Throws CLOSED, and what the refusal means. */
  async allocPd(): Promise<void> {
    if (this.#pd) return;
    this.#allocating ??= this.off(this.#newPd(this.ptr)).finally(() => {
      this.#allocating = undefined;
    });
    await this.#allocating;
  }

  *#newPd(ptr: ContextPtr): Steps<void> {
    const pd = yield* this.#makePd(this.lib, ptr, this.info.name);
    if (this.#pd)
      yield* pd.close(); // a call on this thread was faster
    else this.#pd = pd;
  }

  /** The number that the NIC has for `pd`. */
  get pdn(): number {
    return pdNumber(this.lib, this.pd);
  }

  /** What the NIC says now: a firmware command. Throws CLOSED, DEVICE_GONE. */
  capsNow(): Steps<Caps> {
    return readCapsNow(this.lib, this.openPtr, this.caps, this.#asked);
  }

  /** Whether the NIC has the multi-block engine, also where libmlx5 does not know it: a firmware command. */
  hasMultiBlock(): Steps<boolean> {
    return hasMultiBlock(this.lib, this.openPtr, this.#asked);
  }

  /** What the firmware says that libmlx5 does not read: three firmware commands. Throws CLOSED, DEVICE_GONE. */
  hcaCaps(): Steps<HcaCaps> {
    return readHcaCaps(this.lib, this.openPtr, this.#asked);
  }

  /** Whether the NIC still takes commands: a protection domain comes and goes without a trace. Does not throw. */
  *answers(): Steps<boolean> {
    if (this.#ptr === null) return false;
    try {
      const {result: pd} = yield* call(this.lib.ibv_alloc_pd, this.#ptr);
      if (pd === null) return false;
      yield* call(this.lib.ibv_dealloc_pd, pd);
      return true;
    } catch {
      return true; // it could not be asked
    }
  }

  /** Tries again to destroy what strays, as long as the device is open. */
  *sweep(): Steps<void> {
    if (this.closed) return;
    for (const object of [...this.strays]) {
      if (!this.strays.delete(object)) continue; // another is at it
      const {result: errno} = yield* call(this.lib.mlx5dv_devx_obj_destroy, object);
      if (errno !== 0) this.strays.add(object);
    }
  }

  get #asked(): Asked {
    return {device: this.info.name, answers: () => this.answers()};
  }

  /** Waits for the rest of what `off` has begun, such as a prover that closes itself: it calls C with this context. */
  *#othersEnd(): Steps<void> {
    this.#closers++;
    try {
      while (this.#underWay > this.#closers) {
        if (!(yield* wait(this.#less()))) return; // on this thread: nothing is under way then
      }
    } finally {
      this.#closers--;
    }
  }

  /** Resolves when some of what is under way has ended. */
  #less(): Promise<void> {
    return new Promise((resolve) => this.#whenLess.push(resolve));
  }

  /** Whether new calls find the device closed while those under way come to their end. */
  refuseCalls(refuse: boolean): void {
    this.#closing = refuse;
  }

  /**
   * Closes the device file, upon which the kernel frees whatever this context still owns on the NIC. Every pointer
   * that hangs on it is dead from here on; `ptr` guards them all.
   */
  *close(): Steps<void> {
    yield* this.#othersEnd(); // what they destroy hangs on the PD
    if (this.#pd) yield* this.#pd.close();
    yield* this.leave();
  }

  /**
   * Closes the device file alone: what is in the context lives on where another process has it too. Where none has, the
   * kernel takes it off the NIC, one command an object.
   */
  *leave(): Steps<void> {
    yield* this.#othersEnd();
    const ptr = this.openPtr;
    this.#ptr = null;
    yield* call(this.lib.ibv_close_device, ptr);
  }
}
