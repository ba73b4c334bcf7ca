/**
 * What an agent does with a context that it shares with a service, one that it imported or one that it hands out: tells
 * by handle and id what it has made there, takes up what an agent before it made, and lets go of the context without
 * touching what is in it.
 */
import type {KeySize} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import type {Context} from '../context.js';
import {Dek, type DekAnswer, Kind} from '../dek/dek.js';
import {Device} from '../device.js';
import type {DekPtr, LoginPtr} from '../ffi.js';
import {Login} from '../login.js';
import {LOGIN_APIS} from '../login-api.js';
import type {Steps} from '../steps.js';
import {DEVX_OBJ_OF_MKEY, IBV_CQ, IBV_MR, IBV_PD, IBV_QP} from './c-layout.js';
import {forgetObject, type ObjectIds, objectIdsIfKnown, objectIdsOf, rebuildObject} from './devx-object.js';
import {sharedCalls} from './ffi.js';
import {destroyHandle, type Handles, handlesOf, type ObjectType} from './handles.js';

/** Something beside the DEKs that this process has in a context. */
export interface OwnObject extends ObjectIds {
  readonly kind: 'LOGIN' | 'CQ' | 'QP' | 'MR' | 'MKEY';
}

/** A DEK of another process, and how it was made. */
export interface AdoptedDek extends ObjectIds {
  readonly keySize: KeySize;
  readonly keytag: boolean;
  readonly wrapped: boolean;
}

/** The side of a device that is shared. One a device. */
export class Sharing {
  readonly #device: Device;
  readonly #context: Context;
  readonly #uars = new Set<number>();
  /** The handle of a login of the session API, which libmlx5 does not tell. */
  #session: number | undefined;

  constructor(device: Device) {
    this.#device = device;
    this.#context = Device.contextOf(device);
  }

  /** The context's descriptor, which stays this process's. Throws CLOSED. */
  get fd(): number {
    return sharedCalls().cmdFd(this.#context.ptr);
  }

  /** The handle of its PD, which `allocPd` sees to. Throws CLOSED. */
  get pdHandle(): number {
    return sharedCalls().u32At(this.#context.pd, IBV_PD.handle);
  }

  get hasPd(): boolean {
    return this.#context.hasPd;
  }

  /** Has the context have its PD. Throws CLOSED, and what the refusal means. */
  allocPd(): Promise<void> {
    return this.#context.allocPd();
  }

  /** Calls `tell` when `others` may have changed: before what is new is used. */
  onChange(tell: (() => void) | undefined): void {
    this.#context.changed = tell;
  }

  /** Calls `tell` for each DEK that is made from now on, as soon as it is there; where libmlx5 shows what it is. */
  onDek(tell: ((ids: ObjectIds) => void) | undefined): void {
    const {ptr, deks} = this.#context;
    const added = (pointer: DekPtr): void => {
      const ids = objectIdsIfKnown(ptr, pointer);
      if (ids) tell!(ids);
    };
    deks.added = tell && added;
  }

  /** Throws CLOSED for a DEK that is destroyed, UNSUPPORTED. */
  idsOf(dek: Dek): ObjectIds {
    return objectIdsOf(this.#context.ptr, Dek.pointerOf(this.#context, dek));
  }

  /** What this process has there beside the DEKs. */
  others(): OwnObject[] {
    const {ptr, login, provers} = this.#context;
    const calls = sharedCalls();
    const own: OwnObject[] = [];
    if (login?.object) own.push({kind: 'LOGIN', ...objectIdsOf(ptr, login.object)});
    else if (login && this.#session !== undefined) own.push({kind: 'LOGIN', handle: this.#session, id: 0});
    for (const {parts} of provers) {
      const {cq, qp, mr, mkeys} = parts;
      const at = (pointer: bigint, offset: number): number => calls.u32At(pointer, offset);
      if (qp !== undefined) own.push({kind: 'QP', handle: at(qp, IBV_QP.handle), id: 0});
      for (const mkey of mkeys) own.push({kind: 'MKEY', ...objectIdsOf(ptr, mkey, DEVX_OBJ_OF_MKEY)});
      own.push({kind: 'MR', handle: at(mr, IBV_MR.handle), id: 0}, {kind: 'CQ', handle: at(cq, IBV_CQ.handle), id: 0});
    }
    return own;
  }

  /** Runs a login, and finds the handle that libmlx5 does not tell of one of the session API. */
  async whileLoggingIn<T>(logIn: () => Promise<T>): Promise<T> {
    if (this.#device.loginApi === 'object') return logIn();
    const before = new Set(this.handles('DEVX_OBJ')?.handles);
    const result = await logIn();
    for (const {handle} of this.others()) before.add(handle); // mkeys of a proof that began meanwhile
    const made = (this.handles('DEVX_OBJ')?.handles ?? []).filter((handle) => !before.has(handle));
    this.#session = made.length === 1 ? made[0] : undefined;
    this.#context.changed?.();
    return result;
  }

  /** Takes the UARs that are there, but for some, for this process's own: libmlx5 has mapped them, and keeps them. */
  noteUars(others: ReadonlySet<number> = new Set()): void {
    for (const handle of this.handles('UAR')?.handles ?? []) if (!others.has(handle)) this.#uars.add(handle);
  }

  /** Runs what may have libmlx5 map another UAR. */
  async whileMakingQueues<T>(make: () => Promise<T>): Promise<T> {
    const before = new Set(this.handles('UAR')?.handles);
    const result = await make();
    for (const handle of this.handles('UAR')?.handles ?? []) if (!before.has(handle)) this.#uars.add(handle);
    return result;
  }

  get uars(): ReadonlySet<number> {
    return this.#uars;
  }

  /** A DEK that another process made. Whether there is one, a query tells. Throws LIMIT. */
  adopt({handle, id, keySize, keytag, wrapped}: AdoptedDek): Dek {
    const kind = (keySize === 256 ? Kind.KEY_SIZE_256 : 0) | (keytag ? Kind.KEYTAG : 0) | (wrapped ? Kind.WRAPPED : 0);
    return new Dek(this.#context, rebuildObject<DekPtr>(this.#context.ptr, {handle, id}), kind);
  }

  /** The state and label of each, or why the NIC does not tell, in order. */
  queryAll(deks: readonly Dek[]): Promise<(DekAnswer | DekError)[]> {
    return Dek.queryWhole(this.#context, deks);
  }

  /** Forgets a DEK that turned out not to be there, or not to be ours. */
  disown(dek: Dek): void {
    const pointer = Dek.pointerOf(this.#context, dek);
    Dek.forget(this.#context, dek);
    forgetObject(pointer);
  }

  /** Takes a login object of another process up if it is there; null when it is not. Object API alone. */
  async adoptLogin(
    ids: ObjectIds,
    {credentialId, importKekId}: {credentialId: number; importKekId: number},
  ): Promise<Login | null> {
    if (this.#device.loginApi !== 'object') return null;
    const pointer = rebuildObject<LoginPtr>(this.#context.ptr, ids);
    const login = new Login(this.#context, LOGIN_APIS.object, pointer, credentialId, importKekId);
    try {
      await login.queryAsync();
    } catch (error) {
      if (!(error instanceof DekError)) throw error;
      forgetObject(pointer);
      return null;
    }
    Login.install(login);
    return login;
  }

  /** Resolves when this process makes nothing there: what `others` tells of and what is there agree then. */
  quiet(): Promise<void> {
    return this.#context.quiet();
  }

  handles(type: ObjectType): Handles | null {
    return handlesOf(this.fd, type);
  }

  /** 0 or an errno. */
  destroy(type: ObjectType, handle: number): Promise<number> {
    return this.#context.off(destroyHandle(this.fd, type, handle));
  }

  /**
   * Lets go of the context: what is in it stays as long as another process has the descriptor. Calls that are under way
   * come to their end first. Nothing when closed already.
   */
  async release(): Promise<void> {
    const context = this.#context;
    if (context.closed) return;
    context.changed = undefined;
    context.refuseCalls(true);
    try {
      await context.idle();
      await context.off(this.#releasing());
    } finally {
      context.refuseCalls(false);
    }
  }

  *#releasing(): Steps<void> {
    const context = this.#context;
    for (const prover of context.provers) yield* prover.closing();
    yield* context.sweep();
    for (const slot of context.deks.slots()) {
      forgetObject(context.deks.pointer(slot)!);
      context.deks.forget(slot);
    }
    if (context.login?.object) forgetObject(context.login.object);
    context.login = undefined;
    // A PD of its own stays, as do the DEKs on it; an import is only memory of this process.
    yield* context.isImported ? context.close() : context.leave();
  }
}
