/**
 * What a NIC makes of known data: data units of zeros pass the engine with a DEK, from memory to the wire and, looped
 * inside the NIC, into memory; and back. It compares nothing: a round trip alone proves nothing. Several passages are
 * under way at once; one that fails takes those behind it along (they are flushed), which are tried again alone.
 */
import {constants} from 'node:os';
import {setImmediate as turnOfTheLoop} from 'node:timers/promises';
import {assertInteger, secretCopy, viewBytes} from '../../bytes.js';
import {KEYTAG_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {assertObject, copyList, wrongReceiver} from '../checks.js';
import type {Context} from '../context.js';
import {Dek} from '../dek.js';
import {callFailed} from '../errno.js';
import type {DekPtr} from '../ffi.js';
import {asDekError} from '../for-each-dek.js';
import {C} from './c-layout.js';
import {Lane} from './lane.js';
import {Mr} from './mr.js';
import {Queues} from './queues.js';

/** Bytes of a data unit. */
const UNIT_BYTES = 512;
const TWEAK_BYTES = 16;
/** Passages at once, and how many work requests each posts before it waits. */
const LANES = 32;
const REQUESTS = 3;
/** A NIC needs microseconds. */
const TIMEOUT_MS = 2000;

/** What is to pass. */
export interface Passage {
  readonly dek: Dek;
  /** 8 bytes, of a DEK that has one. */
  readonly keytag?: Uint8Array | undefined;
  /** 16 bytes, of the first data unit, as IEEE 1619 writes it: little-endian. */
  readonly tweak: Uint8Array;
  /** How many data units, 1 or 2: a NIC with the single-block engine alone takes one. */
  readonly units: number;
}

/**
 * What came of it: 512 or 1,024 bytes of ciphertext, and whether the zeros came back; or the `enum ibv_wc_status` by
 * which the NIC refused; or why it was not tried.
 */
export type Outcome =
  | {readonly ciphertext: Uint8Array; readonly isWhole: boolean}
  | {readonly status: number}
  | DekError;

/** A passage that was checked and copied. */
interface Job {
  readonly dek: Dek;
  readonly keytag: Uint8Array;
  readonly tweak: Uint8Array;
  readonly bytes: number;
  outcome: Outcome | undefined;
}

/** A job that is under way, in a lane. */
interface Run {
  readonly job: Job;
  readonly lane: Lane;
  readonly dek: DekPtr;
  /** Of its last work request that was waited for. */
  status: number | undefined;
}

/** What lets known data pass the DEKs of a device: `device.openProver()` makes it. */
export class Prover {
  readonly #context: Context;
  readonly #queues: Queues;
  readonly #mr: Mr;
  /** Those that were needed so far; one that could not be made is missing. */
  readonly #lanes: (Lane | undefined)[] = [];
  #running: Promise<unknown> | undefined;
  #open = true;

  /** @internal `device.openProver()` makes provers. Throws what the NIC's refusal means; nothing is left then. */
  constructor(context: Context) {
    const {lib, info} = context;
    this.#context = context;
    this.#queues = new Queues(context, LANES * REQUESTS);
    try {
      this.#mr = new Mr(lib, context.pd, Lane.bytes(LANES), info.name);
      try {
        this.#lane(0); // whether there can be any is to be known at once
        this.#queues.qp;
      } catch (error) {
        for (const lane of this.#lanes) lane?.close();
        this.#mr.close();
        throw error;
      }
    } catch (error) {
      this.#queues.close();
      throw error;
    }
    context.provers.add(this);
  }

  /** Whether it was closed, or its device was. */
  get closed(): boolean {
    return !Prover.#check(this).#open;
  }

  /** Whether passages are under way. */
  get busy(): boolean {
    return Prover.#check(this).#running !== undefined;
  }

  /**
   * Waits until no passages are under way.
   * @throws nothing
   */
  async idle(): Promise<void> {
    await Prover.#check(this).#running?.catch(() => {});
  }

  /**
   * Lets data units of zeros pass, 32 passages at a time; the event loop turns meanwhile. While a DEK is in use its
   * `destroy` is BUSY.
   * @param passages - a DEK each, its keytag of 8 bytes if it has one, a tweak of 16 bytes, 1 or 2 data units of 512
   *   bytes
   * @returns an outcome for each, in order
   * @throws DekError, and sends nothing: BAD_ARGUMENT, CLOSED, and BUSY while others are under way
   */
  async pass(passages: readonly Passage[]): Promise<Outcome[]> {
    const self = Prover.#check(this);
    const jobs = copyList(passages, 'passages').map((passage, i) => self.#jobOf(passage, `passages[${i}]`));
    if (!self.#open) throw new DekError('CLOSED', 'this prover is closed');
    self.#context.ptr;
    if (self.#running !== undefined) {
      throw new DekError('BUSY', 'this prover is at work', {hint: 'one list at a time: wait for the last'});
    }
    const running = self.#passAll(jobs);
    self.#running = running;
    try {
      await running;
    } finally {
      self.#running = undefined;
    }
    return jobs.map(({outcome}) => outcome!);
  }

  /**
   * Takes all that it has off the NIC, and does nothing when closed already.
   * @throws DekError: BUSY while passages are under way
   */
  close(): void {
    const self = Prover.#check(this);
    if (self.#running !== undefined) throw new DekError('BUSY', 'this prover is at work', {hint: 'wait for it'});
    if (!self.#open) return;
    self.#open = false;
    self.#context.provers.delete(self);
    self.#queues.dropQp();
    for (const lane of self.#lanes) lane?.close();
    self.#mr.close();
    self.#queues.close();
  }

  /**
   * `close`.
   * @throws DekError: BUSY while passages are under way
   */
  [Symbol.dispose](): void {
    Prover.#check(this).close();
  }

  #jobOf(passage: unknown, title: string): Job {
    assertObject(passage, title);
    const {dek, keytag, tweak, units} = passage as Passage;
    const most = this.#context.caps.engines.includes('AES_XTS_MULTI_BLOCK') ? 2 : 1;
    assertInteger(units, 1, most, `${title}.units`);
    const tag = keytag === undefined ? new Uint8Array(KEYTAG_BYTES) : viewBytes(keytag, [KEYTAG_BYTES], 'keytag');
    return {
      dek: Dek.owned(this.#context, dek, `${title}.dek`),
      keytag: secretCopy(tag),
      tweak: secretCopy(viewBytes(tweak, [TWEAK_BYTES], 'tweak')),
      bytes: units * UNIT_BYTES,
      outcome: undefined,
    };
  }

  async #passAll(jobs: readonly Job[]): Promise<void> {
    for (let i = 0; i < jobs.length; i += LANES) await this.#passSome(jobs.slice(i, i + LANES));
    // What was flushed, and what came behind it: each alone, so that it fails by itself or not at all.
    for (const job of jobs) if (job.outcome === undefined) await this.#passSome([job]);
    for (const job of jobs) job.outcome ??= {status: C.IBV_WC_WR_FLUSH_ERR};
  }

  /** An outcome for each, or none for those that are to be tried again alone. */
  async #passSome(jobs: readonly Job[]): Promise<void> {
    const runs: Run[] = [];
    try {
      for (const [i, job] of jobs.entries()) this.#begin(job, i, runs);
      await this.#passRuns(runs);
    } catch (error) {
      this.#queues.dropQp();
      for (const {job} of runs) job.outcome ??= asDekError('post', error);
    } finally {
      for (const {job} of runs) Dek.giveBack(job.dek);
      this.#mr.bytes.fill(0);
    }
  }

  /** Lane `i`, made when it is needed first. */
  #lane(i: number): Lane {
    const {lib, pd, info} = this.#context;
    const lane = this.#lanes[i] ?? new Lane(lib, pd, this.#mr, i, info.name);
    this.#lanes[i] = lane;
    return lane;
  }

  #begin(job: Job, i: number, runs: Run[]): void {
    try {
      const lane = this.#lane(i);
      runs.push({job, lane, dek: Dek.lend(job.dek), status: undefined});
    } catch (error) {
      job.outcome = asDekError('post', error);
    }
  }

  async #passRuns(runs: readonly Run[]): Promise<void> {
    const {qp} = this.#queues;
    for (const {lane} of runs) lane.clear();
    qp.post((requests) => {
      for (const [i, {job, lane, dek}] of runs.entries()) {
        const {tweak, keytag, bytes} = job;
        requests.layOut(i, lane.out, lane.zeros(bytes), {dek, tweak, keytag, encrypts: true});
        requests.layOut(i, lane.back, lane.ciphertext(bytes), {dek, tweak, keytag, encrypts: false});
        requests.write(i, lane.out, lane.toCiphertext(bytes));
      }
    });
    await this.#wait(runs);
    // Only now the ciphertext is in memory: on the way back it is read from there.
    if (this.#failed(runs)) return;
    for (const run of runs) run.status = undefined;
    qp.post((requests) => {
      for (const [i, {job, lane}] of runs.entries()) requests.write(i, lane.back, lane.toReturned(job.bytes));
    });
    await this.#wait(runs);
    if (this.#failed(runs)) return;
    for (const {job, lane} of runs) job.outcome = lane.take(job.bytes);
  }

  /** Until each has a status. Throws when that takes too long. */
  async #wait(runs: readonly Run[]): Promise<void> {
    const end = performance.now() + TIMEOUT_MS;
    let left = runs.length;
    const done = (id: number, status: number): void => {
      const run = runs[id];
      if (run === undefined || run.status !== undefined) return;
      run.status = status;
      left--;
    };
    for (;;) {
      this.#queues.cq.poll(done);
      if (left === 0) return;
      this.#context.ptr; // nobody waits any more for what a closing device does
      if (performance.now() > end) throw this.#noAnswer();
      await turnOfTheLoop();
    }
  }

  /** Whether one failed: it has its outcome then, and the others none, to be tried again. */
  #failed(runs: readonly Run[]): boolean {
    if (runs.every(({status}) => status === C.IBV_WC_SUCCESS)) return false;
    this.#queues.dropQp();
    for (const {job, status} of runs) {
      if (status === C.IBV_WC_SUCCESS || status === C.IBV_WC_WR_FLUSH_ERR) continue;
      // The way to itself may be none: then another is tried.
      if (status === C.IBV_WC_RETRY_EXC_ERR && this.#queues.takeOtherWay()) continue;
      job.outcome = {status: status!};
    }
    return true;
  }

  #noAnswer(): DekError {
    const {info} = this.#context;
    if (!this.#context.answers()) return callFailed('post', constants.errno.EIO, {device: info.name});
    return new DekError('IO', `${info.name} did not do its work requests within ${TIMEOUT_MS / 1000} s`);
  }

  static #check(value: unknown): Prover {
    if (typeof value === 'object' && value !== null && #open in value) return value;
    throw wrongReceiver('Prover');
  }
}
