/**
 * DEKs that exist: mlx5dv_dek_query(3), mlx5dv_dek_destroy(3), one by one on this thread or many at once off it
 * (command-queue.ts). create.ts makes them.
 */
import {type DekState, type KeySize, OPAQUE_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {MLX5DV_DEK_ATTR as ATTR, C} from '../c-layout.js';
import {copyList, wrongReceiver} from '../checks.js';
import type {Context} from '../context.js';
import type {DekPtr} from '../ffi.js';
import type {Call} from '../refusal/errno-table.js';
import {type Refusal, refusals} from '../refusal/refusals.js';
import type {Steps} from '../steps.js';
import {DekAttr} from '../structs.js';
import {asDekError, forEachDek} from './for-each-dek.js';

/** What a DEK was made of, in one number: a process holds many. */
export const Kind = {KEY_SIZE_256: 1, KEYTAG: 2, WRAPPED: 4, EQUAL_KEYS: 8} as const;

/** What a NIC says of a DEK: its state, and its 8 opaque bytes. */
export interface DekAnswer {
  state: DekState;
  opaque: Uint8Array;
}

/** A DEK on a NIC. It lives until `destroy`, until its device closes, or until the process ends. */
export class Dek {
  readonly #context: Context;
  readonly #kind: number;
  /** Its place in the context's table; -1 once destroyed. */
  #slot: number;

  /** @internal `device.createDek()` makes DEKs. */
  constructor(context: Context, pointer: DekPtr, kind: number) {
    this.#context = context;
    this.#kind = kind;
    this.#slot = context.deks.add(pointer);
  }

  /** Bits of key1, as of key2. */
  get keySize(): KeySize {
    return (Dek.#check(this).#kind & Kind.KEY_SIZE_256) !== 0 ? 256 : 128;
  }

  /** Whether the key ends with a keytag of 8 bytes. */
  get keytag(): boolean {
    return (Dek.#check(this).#kind & Kind.KEYTAG) !== 0;
  }

  /** Whether it was destroyed, or its device closed. */
  get closed(): boolean {
    const self = Dek.#check(this);
    return self.#slot < 0 || self.#context.deks.pointer(self.#slot) === null || self.#context.closed;
  }

  /**
   * Asks the NIC for the DEK on this thread.
   * @returns its state, and its 8 opaque bytes
   * @throws DekError: NO_LOGIN or NOT_READY for a wrapped DEK without a valid login; CLOSED after `destroy`; BUSY while
   *   `destroyAsync` is at it
   */
  query(): {state: DekState; opaque: Uint8Array} {
    const self = Dek.#check(this);
    const pointer = self.#startQuery();
    const errno = self.#context.lib.mlx5dv_dek_query(pointer, own.clear());
    self.#endQuery();
    if (errno !== 0) throw self.#refused('query', errno);
    return {state: stateAt(own.view, 0), opaque: own.bytes.slice(ATTR.opaque, ATTR.opaque + OPAQUE_BYTES)};
  }

  /**
   * `query`, off this thread.
   * @returns its state, and its 8 opaque bytes
   * @throws DekError: NO_LOGIN or NOT_READY for a wrapped DEK without a valid login; CLOSED after `destroy`; BUSY while
   *   `destroyAsync` is at it
   */
  async queryAsync(): Promise<{state: DekState; opaque: Uint8Array}> {
    const self = Dek.#check(this);
    const attrs = newAttrs(1);
    const [error] = await Dek.#queryEach(self.#context, [self], attrs);
    if (error !== undefined) throw error;
    const state = stateAt(new DataView(attrs.buffer), 0);
    return {state, opaque: attrs.slice(ATTR.opaque, ATTR.opaque + OPAQUE_BYTES)};
  }

  /**
   * Removes the DEK from the NIC, on this thread.
   * @throws DekError: CLOSED the second time; BUSY while another call of this DEK is under way; any other error leaves
   *   it alive as well, to be tried again
   */
  destroy(): void {
    const self = Dek.#check(this);
    const pointer = self.#startDestroy();
    const errno = self.#context.lib.mlx5dv_dek_destroy(pointer);
    self.#endDestroy(errno);
    if (errno !== 0) throw self.#refused('destroy', errno);
  }

  /**
   * `destroy`, off this thread.
   * @throws DekError: CLOSED the second time; BUSY while another call of this DEK is under way; any other error leaves
   *   it alive as well, to be tried again
   */
  async destroyAsync(): Promise<void> {
    const self = Dek.#check(this);
    const [error] = await Dek.#destroyEach(self.#context, [self]);
    if (error !== undefined) throw error;
  }

  /**
   * `destroy`, and nothing when it is gone already.
   * @throws DekError: BUSY, and what the NIC says, as `destroy`
   */
  [Symbol.dispose](): void {
    const self = Dek.#check(this);
    if (!self.closed) self.destroy();
  }

  /** @internal For `device.queryDeks`. */
  static async queryAll(context: Context, list: readonly Dek[]): Promise<(DekState | DekError)[]> {
    return Dek.#queryAs(context, list, (view, at) => stateAt(view, at));
  }

  /** @internal For shared/: the state and the label of each. */
  static async queryWhole(context: Context, list: readonly Dek[]): Promise<(DekAnswer | DekError)[]> {
    return Dek.#queryAs(context, list, (view, at) => {
      const opaque = new Uint8Array(view.buffer, at + ATTR.opaque, OPAQUE_BYTES);
      return {state: stateAt(view, at), opaque: opaque.slice()};
    });
  }

  static async #queryAs<T>(
    context: Context,
    list: readonly Dek[],
    read: (view: DataView, at: number) => T,
  ): Promise<(T | DekError)[]> {
    const deks = Dek.#ownList(context, list);
    const attrs = newAttrs(deks.length);
    const view = new DataView(attrs.buffer);
    const errors = await Dek.#queryEach(context, deks, attrs);
    return errors.map((error, i) => error ?? read(view, i * ATTR.size));
  }

  /**
   * @internal For create.ts: asks for a DEK that was made just now, and that nobody else has yet. Its state, or the
   * error in the making. Does not throw.
   */
  static firstState(dek: Dek, refusal: Refusal): DekState | DekError | Steps<DekError> {
    try {
      return dek.#answer(dek.#context.lib.mlx5dv_dek_query(dek.#alive(), own.clear()), own, refusal);
    } catch (error) {
      return asDekError('query', error);
    }
  }

  /** @internal The same, off this thread. */
  static firstStateAsync(
    dek: Dek,
    attr: DekAttr,
    refusal: Refusal,
    done: (state: DekState | DekError | Steps<DekError>) => void,
  ): void {
    const ended = (errno: number): void => done(dek.#answer(errno, attr, refusal));
    try {
      dek.#context.lib.async.mlx5dv_dek_query(dek.#alive(), attr.clear(), ended);
    } catch (error) {
      done(asDekError('query', error));
    }
  }

  /** @internal For prover.ts: `dek`, if it is one of `context`; else throws BAD_ARGUMENT. `title` names it there. */
  static owned(context: Context, dek: unknown, title: string): Dek {
    if (typeof dek === 'object' && dek !== null && #slot in dek && dek.#context === context) return dek;
    throw new DekError('BAD_ARGUMENT', `${title}: expected a Dek of ${context.info.name}`);
  }

  /** @internal For prover.ts: where libmlx5 keeps it. No destroy begins until `giveBack`. Throws CLOSED and BUSY. */
  static lend(dek: Dek): DekPtr {
    return dek.#startQuery();
  }

  /** @internal For prover.ts. */
  static giveBack(dek: Dek): void {
    dek.#endQuery();
  }

  /** @internal For shared/: where libmlx5 keeps it. Throws CLOSED. */
  static pointerOf(context: Context, dek: Dek): DekPtr {
    return Dek.owned(context, dek, 'dek').#alive();
  }

  /** @internal For shared/: it is closed from here on, and the NIC is not asked. */
  static forget(context: Context, dek: Dek): void {
    Dek.owned(context, dek, 'dek');
    context.deks.remove(dek.#slot);
    dek.#slot = -1;
  }

  /** @internal For `device.destroyDeks`. */
  static async destroyAll(context: Context, list: readonly Dek[]): Promise<(DekError | undefined)[]> {
    return Dek.#destroyEach(context, Dek.#ownList(context, list));
  }

  /** `attrs` gets a struct mlx5dv_dek_attr for each. */
  static async #queryEach(
    context: Context,
    deks: readonly Dek[],
    attrs: Uint8Array,
  ): Promise<(DekError | undefined)[]> {
    const {lib} = context;
    context.ptr;
    const attr = (i: number) => attrs.subarray(i * ATTR.size, (i + 1) * ATTR.size);
    return forEachDek(context, deks.length, {
      call: 'query',
      wrapped: (i) => deks[i]!.#wrapped,
      begin: (i) => deks[i]!.#startQuery(),
      now: (pointer, i) => lib.mlx5dv_dek_query(pointer, attr(i)),
      start: (pointer, i, done) => lib.async.mlx5dv_dek_query(pointer, attr(i), done),
      end: (i) => deks[i]!.#endQuery(),
    });
  }

  static async #destroyEach(context: Context, deks: readonly Dek[]): Promise<(DekError | undefined)[]> {
    const {lib} = context;
    context.ptr;
    return forEachDek(context, deks.length, {
      call: 'destroy',
      wrapped: (i) => deks[i]!.#wrapped,
      begin: (i) => deks[i]!.#startDestroy(),
      now: (pointer) => lib.mlx5dv_dek_destroy(pointer),
      start: (pointer, _i, done) => lib.async.mlx5dv_dek_destroy(pointer, done),
      end: (i, errno) => deks[i]!.#endDestroy(errno),
    });
  }

  // The start of a call of a batch is right before its command, which may be long after the batch was handed in.

  #startQuery(): DekPtr {
    const pointer = this.#alive();
    if (!this.#context.deks.startQuery(this.#slot)) throw this.#busy();
    return pointer;
  }

  #endQuery(): void {
    this.#context.deks.endQuery(this.#slot);
  }

  #answer(errno: number, {view}: DekAttr, refusal: Refusal): DekState | Steps<DekError> {
    return errno === 0 ? stateAt(view, 0) : refusal('query', errno, this.#wrapped);
  }

  #startDestroy(): DekPtr {
    const pointer = this.#alive();
    if (!this.#context.deks.startDestroy(this.#slot)) throw this.#busy();
    return pointer;
  }

  #endDestroy(errno: number): void {
    if (errno !== 0) {
      this.#context.deks.endDestroy(this.#slot);
      return;
    }
    this.#context.deks.remove(this.#slot);
    this.#slot = -1;
  }

  get #wrapped(): boolean {
    return (this.#kind & Kind.WRAPPED) !== 0;
  }

  #alive(): DekPtr {
    const pointer = this.#slot < 0 ? null : this.#context.deks.pointer(this.#slot);
    if (pointer === null) throw new DekError('CLOSED', 'this DEK is destroyed');
    this.#context.ptr;
    return pointer;
  }

  #refused(call: Call, errno: number): DekError {
    return this.#context.here(refusals(this.#context)(call, errno, this.#wrapped));
  }

  #busy(): DekError<'BUSY'> {
    return new DekError('BUSY', 'another call of this DEK is under way', {hint: 'try again after a moment'});
  }

  /** A copy that the caller cannot change, of DEKs of this context only. */
  static #ownList(context: Context, list: unknown): Dek[] {
    return copyList(list, 'deks').map((dek, i) => Dek.owned(context, dek, `deks[${i}]`));
  }

  static #check(value: unknown): Dek {
    if (typeof value === 'object' && value !== null && #slot in value) return value;
    throw wrongReceiver('Dek');
  }
}

/** Room for `count` structures, outside V8's heap so that they stay where C was told they are. */
function newAttrs(count: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(count * ATTR.size));
}

/** For all calls on this thread, since none overlaps another. */
const own = new DekAttr();

function stateAt(view: DataView, offset: number): DekState {
  return view.getUint32(offset + ATTR.state, true) === C.MLX5DV_DEK_STATE_READY ? 'READY' : 'ERROR';
}
