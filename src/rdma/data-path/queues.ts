/**
 * The completion queue and the queue pair of a prover, which has a new QP after each error: in state ERROR one
 * completes nothing any more. Connected with itself by force loopback, else by the NIC's own address.
 */
import {DekError} from '../../errors.js';
import type {Context} from '../context.js';
import {libraryVersion} from '../ffi.js';
import type {Steps} from '../steps.js';
import {Cq} from './cq.js';
import {forceLoopback} from './force-loopback.js';
import {connectByAddress} from './own-address.js';
import {readPort} from './port.js';
import {Qp} from './qp.js';

const PORT_DOWN = {words: 'its port is down', errno: 'ENETDOWN'} as const;
const NO_ADDRESS = {words: 'its port has no address', errno: 'EADDRNOTAVAIL'} as const;

export class Queues {
  readonly cq: Cq;
  readonly #context: Context;
  readonly #entries: number;
  #qp: Qp | undefined;
  #byAddress: boolean;

  private constructor(context: Context, cq: Cq, entries: number) {
    this.#context = context;
    this.#entries = entries;
    // libmlx5 of rdma-core 40 does not follow the state of a QP that the firmware was told to change, and posts
    // nothing.
    this.#byAddress = libraryVersion()?.startsWith('40.') ?? false;
    this.cq = cq;
  }

  /** With room for `entries` work requests. Throws what the NIC's refusal means. */
  static *create(context: Context, entries: number): Steps<Queues> {
    const cq = yield* Cq.create(context.ptr, 2 * entries, context.info.name);
    return new Queues(context, cq, entries);
  }

  /** The QP, in RTS. Throws what the NIC's refusal means, UNSUPPORTED when it cannot be connected with itself. */
  *qp(): Steps<Qp> {
    this.#qp ??= yield* this.#newQp();
    return this.#qp;
  }

  /** The last one that was made, unless it was dropped. */
  get currentQp(): Qp | undefined {
    return this.#qp;
  }

  /** After an error, or when no answer comes: the NIC is done with whatever was posted. */
  *dropQp(): Steps<void> {
    const qp = this.#qp;
    if (qp === undefined) return;
    this.#qp = undefined;
    this.#context.changed?.(); // before its handle may mean another's
    yield* qp.close();
  }

  /** Whether there is another way to connect: from now on it is taken. */
  takeOtherWay(): boolean {
    const hasOther = !this.#byAddress;
    this.#byAddress = true;
    return hasOther;
  }

  /** Why the NIC cannot be connected with itself, as far as its port tells. Throws CLOSED, DEVICE_GONE. */
  *noWay(cause?: unknown): Steps<DekError> {
    const {ptr, info} = this.#context;
    const {isUp, address} = yield* readPort(ptr, info.name);
    const why = isUp ? (address ? undefined : NO_ADDRESS) : PORT_DOWN;
    const message = `${info.name} cannot be connected with itself${why ? `: ${why.words}` : ''}`;
    return new DekError('UNSUPPORTED', message, {
      hint: 'neither by force loopback nor by its own address: see its port (ibv_devinfo -v)',
      errno: why?.errno,
      cause,
    });
  }

  *close(): Steps<void> {
    yield* this.dropQp();
    yield* this.cq.close();
  }

  *#newQp(): Steps<Qp> {
    if (this.#byAddress) return yield* this.#connected((qp) => this.#connectByAddress(qp));
    try {
      return yield* this.#connected(function* (qp) {
        if (!(yield* forceLoopback(qp))) throw new DekError('UNSUPPORTED', 'the firmware refused force loopback');
      });
    } catch (error) {
      if (!(error instanceof DekError) || error.code !== 'UNSUPPORTED') throw error;
      const qp = yield* this.#connected((qp) => this.#connectByAddress(qp));
      this.#byAddress = true;
      return qp;
    }
  }

  *#connected(connect: (qp: Qp) => Steps<void>): Steps<Qp> {
    const {pd, ptr, info} = this.#context;
    const qp = yield* Qp.create(ptr, pd, this.cq, this.#entries, info.name);
    try {
      yield* connect(qp);
      return qp;
    } catch (error) {
      yield* qp.close();
      throw error;
    }
  }

  *#connectByAddress(qp: Qp): Steps<void> {
    const {ptr, info} = this.#context;
    const {address} = yield* readPort(ptr, info.name);
    if (!address) throw yield* this.noWay();
    try {
      yield* connectByAddress(qp, address, info.name);
    } catch (cause) {
      throw (yield* this.#context.answers()) ? yield* this.noWay(cause) : cause;
    }
  }
}
