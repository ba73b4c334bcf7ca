/**
 * Passages in rounds of 32, through one queue pair: each lays out two memory keys and writes through one of them, then
 * through the other. One that fails takes those behind it along (they are flushed), which are tried again alone. What
 * no DEK has to do with, such as a NIC that does not answer, ends all of them.
 */
import {constants} from 'node:os';
import {setTimeout as pause} from 'node:timers/promises';
import {DekError} from '../../errors.js';
import type {Context, ProverParts} from '../context.js';
import {Dek} from '../dek/dek.js';
import {asDekError} from '../dek/for-each-dek.js';
import type {DekPtr} from '../ffi.js';
import {callFailed} from '../refusal/errno.js';
import type {Steps} from '../steps.js';
import {C} from './c-layout.js';
import {Lane} from './lane.js';
import {Mr} from './mr.js';
import {Queues} from './queues.js';

/** Passages at once, and how many work requests each posts before it waits. */
const LANES = 32;
const REQUESTS = 3;
/** A NIC needs microseconds; a virtual one on a busy host a second. One that is gone is found sooner. */
const TIMEOUT_MS = 10_000;
const LOOK_MS = 1000;
/**
 * Between two looks at what is done: the shortest that Node knows. To look again at once, a turn of the loop each, took
 * twice the processor time, and on a virtual ConnectX took it from the NIC.
 */
const PAUSE_MS = 1;

/**
 * What came of it: 512 or 1,024 bytes of ciphertext, and whether the zeros came back; or the `enum ibv_wc_status` by
 * which the NIC refused; or why it was not tried.
 */
export type Outcome =
  | {readonly ciphertext: Uint8Array; readonly isWhole: boolean}
  | {readonly status: number}
  | DekError;

/** A passage that was checked and copied. */
export interface Job {
  readonly dek: Dek;
  /** 8 bytes, 16 bytes. */
  readonly keytag: Uint8Array;
  readonly tweak: Uint8Array;
  /** 512 or 1,024. */
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

export class Rounds {
  readonly #context: Context;
  readonly #queues: Queues;
  readonly #mr: Mr;
  /** Those that were needed so far; one that could not be made is missing. */
  readonly #lanes: (Lane | undefined)[] = [];

  private constructor(context: Context, queues: Queues, mr: Mr) {
    this.#context = context;
    this.#queues = queues;
    this.#mr = mr;
  }

  /** Throws what the NIC's refusal means; nothing is left then. */
  static *create(context: Context): Steps<Rounds> {
    const queues = yield* Queues.create(context, LANES * REQUESTS);
    try {
      const mr = yield* Mr.register(context.lib, context.pd, Lane.bytes(LANES), context.info.name);
      const rounds = new Rounds(context, queues, mr);
      try {
        yield* rounds.#lane(0); // whether there can be any is to be known at once
        yield* queues.qp();
        return rounds;
      } catch (error) {
        for (const lane of rounds.#lanes) if (lane) yield* lane.close();
        yield* mr.close();
        throw error;
      }
    } catch (error) {
      yield* queues.close();
      throw error;
    }
  }

  /** What it has on the NIC. */
  get parts(): ProverParts {
    const mkeys = this.#lanes.flatMap((lane) => (lane ? [lane.out.ptr, lane.back.ptr] : []));
    return {cq: this.#queues.cq.ptr, qp: this.#queues.currentQp?.ptr, mr: this.#mr.ptr, mkeys};
  }

  /** Gives each an outcome. */
  async passAll(jobs: readonly Job[]): Promise<void> {
    let end: DekError | undefined;
    for (let i = 0; i < jobs.length && !end; i += LANES) end = await this.#passSome(jobs.slice(i, i + LANES));
    // What was flushed, and what came behind it: each alone, so that it fails by itself or not at all.
    for (const job of jobs) if (job.outcome === undefined && !end) end = await this.#passSome([job]);
    for (const job of jobs) job.outcome ??= end ?? {status: C.IBV_WC_WR_FLUSH_ERR};
  }

  /** Takes all off the NIC, the queue pair first, so that nothing is written to memory any more. */
  *close(): Steps<void> {
    yield* this.#queues.dropQp();
    for (const lane of this.#lanes) if (lane) yield* lane.close();
    yield* this.#mr.close();
    yield* this.#queues.close();
  }

  /** An outcome for each, or none for those that are to be tried again alone; or what would end any of them. */
  async #passSome(jobs: readonly Job[]): Promise<DekError | undefined> {
    // All at once: from here on none of them is destroyed.
    const lent = jobs.flatMap((job, i) => this.#lend(job, i) ?? []);
    try {
      const runs: Run[] = [];
      for (const {job, i, dek} of lent) {
        const lane = this.#lanes[i] ?? (await this.#newLane(job, i));
        if (lane) runs.push({job, lane, dek, status: undefined});
      }
      if (runs.length > 0) await this.#passRuns(runs);
      return undefined;
    } catch (error) {
      await this.#context.off(this.#queues.dropQp());
      return asDekError('post', error);
    } finally {
      for (const {job} of lent) Dek.giveBack(job.dek);
      this.#mr.bytes.fill(0);
    }
  }

  /** Undefined, and an outcome, for a DEK that is destroyed. */
  #lend(job: Job, i: number): {job: Job; i: number; dek: DekPtr} | undefined {
    try {
      return {job, i, dek: Dek.lend(job.dek)};
    } catch (error) {
      job.outcome = asDekError('post', error);
      return undefined;
    }
  }

  /** Undefined, and an outcome, when there can be none. */
  async #newLane(job: Job, i: number): Promise<Lane | undefined> {
    try {
      return await this.#context.off(this.#lane(i));
    } catch (error) {
      job.outcome = asDekError('post', error);
      return undefined;
    }
  }

  /** Lane `i`, which is needed for the first time. */
  *#lane(i: number): Steps<Lane> {
    const {pd, info} = this.#context;
    const lane = yield* Lane.create(pd, this.#mr, i, info.name);
    this.#lanes[i] = lane;
    return lane;
  }

  async #passRuns(runs: readonly Run[]): Promise<void> {
    const qp = this.#queues.currentQp ?? (await this.#context.off(this.#queues.qp()));
    this.#context.changed?.(); // a QP or memory keys may be new
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
    if (await this.#failed(runs)) return;
    for (const run of runs) run.status = undefined;
    qp.post((requests) => {
      for (const [i, {job, lane}] of runs.entries()) requests.write(i, lane.back, lane.toReturned(job.bytes));
    });
    await this.#wait(runs);
    if (await this.#failed(runs)) return;
    for (const {job, lane} of runs) job.outcome = lane.take(job.bytes);
  }

  /** Until each has a status. Throws when that takes too long. */
  async #wait(runs: readonly Run[]): Promise<void> {
    const start = performance.now();
    let look = start + LOOK_MS;
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
      const now = performance.now();
      if (now > look) {
        if (!(await this.#context.off(this.#context.answers()))) throw this.#gone();
        look = performance.now() + LOOK_MS;
      }
      if (now > start + TIMEOUT_MS) throw this.#noAnswer();
      await pause(PAUSE_MS);
    }
  }

  /** Whether one failed: it has its outcome then, and the others none. Throws when there is no way for any. */
  async #failed(runs: readonly Run[]): Promise<boolean> {
    if (runs.every(({status}) => status === C.IBV_WC_SUCCESS)) return false;
    await this.#context.off(this.#queues.dropQp());
    for (const {job, status} of runs) {
      if (status === C.IBV_WC_SUCCESS || status === C.IBV_WC_WR_FLUSH_ERR) continue;
      if (status !== C.IBV_WC_RETRY_EXC_ERR) job.outcome = {status: status!};
      // The way to itself may be none: then another is tried.
      else if (!this.#queues.takeOtherWay()) throw await this.#context.off(this.#queues.noWay());
    }
    return true;
  }

  #gone(): DekError {
    return callFailed('post', constants.errno.EIO, {device: this.#context.info.name});
  }

  #noAnswer(): DekError {
    const {info} = this.#context;
    return new DekError('IO', `${info.name} did not do its work requests within ${TIMEOUT_MS / 1000} s`);
  }
}
