/**
 * Runs the firmware commands of a context, many at once and off the main thread. Those that find no room wait here, in
 * order. Left out: trying again, which is the caller's business.
 *
 * How, was chosen by measuring: two cores, a NIC of 100 us a command and 16 at once, where a loop in C needs 185 us a
 * command. Koffi's asynchronous calls on libuv's pool of 16 need 13 us (30 with Koffi's own settings, see koffi.ts);
 * 16 worker threads 12 us, but 0.4 s to start and 130 MB. Nearly twice as many calls under way as the pool has threads,
 * so that a thread that is done finds the next one without being woken: 13 us instead of 20. More threads than the NIC
 * has lanes are no faster: what they gain they lose by waking each other.
 *
 * A hop to the pool and back costs 10 us of CPU, more than a command of a NIC that answers at once, as a virtual one
 * does (5 us). There the commands of large batches run on this thread, a millisecond at a time. What is small, such as
 * a check of what is there, does not: should the firmware hang at one, nothing else would run until it comes back.
 */

/** A batch of commands. Both methods keep the result themselves, and must not throw. */
export interface Commands {
  readonly count: number;
  /** How many commands stand behind each index, one after the other: 1 when left out. */
  readonly steps?: number;
  /** Runs command `index` on this thread. What it returns settles, where that takes questions, when it is done. */
  now(index: number): Promise<void> | undefined | void;
  /** Runs command `index` on the pool and calls `done` after it. False: no command was needed, `done` is not called. */
  start(index: number, done: () => void): boolean;
}

interface Batch {
  readonly work: Commands;
  next: number;
  left: number;
  readonly resolve: () => void;
}

/** Batches of no more commands never run on this thread. */
const FEW = 256;
/** How long this thread works before it lets the event loop turn. */
const SLICE_MS = 1;
/** Commands that take longer on this thread belong on the pool: this many in a row, since any one may be preempted. */
const SLOW_MS = 0.05;
const SLOW_IN_A_ROW = 8;
/** A NIC that answered within this time may be tried on this thread: never one that hangs. */
const QUICK_MS = 1;
/** How long an answer counts as evidence. */
const EVIDENCE_MS = 1000;
/**
 * A NIC that did not answer within this time is given one command at a time, and one that was not asked for a while one
 * first: should its firmware hang, a thread of the pool hangs and not all, which other NICs and files need as well.
 */
const HUNG_MS = 5000;

/** Room for asynchronous calls, which the contexts of a thread share, since they share Koffi and libuv's pool. */
export class CallSlots {
  #free: number;
  readonly #waiting = new Set<() => void>();

  constructor(calls: number) {
    this.#free = calls;
  }

  /** Whether there was room for one more call. If not, `retry` is called once there is. */
  take(retry: () => void): boolean {
    if (this.#free === 0) {
      this.#waiting.add(retry);
      return false;
    }
    this.#free--;
    return true;
  }

  /** Whoever waits longest comes first; who does not want it any more leaves it to the next. */
  give(): void {
    this.#free++;
    for (const retry of this.#waiting) {
      if (this.#free === 0) return;
      this.#waiting.delete(retry);
      retry();
    }
  }
}

export class CommandQueue {
  readonly #room: CallSlots;
  /** Batches with commands that wait. */
  readonly #queue: Batch[] = [];
  #underWay = 0;
  #unsettled = 0;
  #settled = 0;
  #scheduled = false;
  /** Commands may run on this thread until the first time, and not before the second. */
  #quickUntil = 0;
  #slowUntil = 0;
  #slowInARow = 0;
  /** Until then the NIC may be given many at once. */
  #answersUntil = 0;
  readonly #whenIdle: (() => void)[] = [];
  readonly #retry = () => this.#more();

  constructor(room: CallSlots) {
    this.#room = room;
  }

  /** A command of another kind came back after so many milliseconds: it tells how the NIC answers. */
  answered(ms: number): void {
    const until = performance.now() + EVIDENCE_MS;
    if (ms <= QUICK_MS) this.#quickUntil = until;
    this.#answersUntil = ms <= HUNG_MS ? until : 0;
  }

  /** How many commands have come to their end since the start. */
  get settled(): number {
    return this.#settled;
  }

  /** Whether a batch is not done yet. */
  get busy(): boolean {
    return this.#unsettled > 0;
  }

  /** Resolves when no batch is left. */
  idle(): Promise<void> {
    return this.busy ? new Promise((resolve) => this.#whenIdle.push(resolve)) : Promise.resolve();
  }

  /** Runs all commands of `work`, the first in a later turn of the event loop. Never rejects. */
  run(work: Commands): Promise<void> {
    if (work.count === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.#unsettled++;
      this.#queue.push({work, next: 0, left: work.count, resolve});
      this.#schedule();
    });
  }

  #schedule(): void {
    if (this.#scheduled || this.#queue.length === 0) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (this.#underWay === 0) this.#slice();
      this.#more();
    });
  }

  /**
   * After a slice or a command: the next turn, or the pool. Never both at once, since they would wait for each other.
   */
  #more(): void {
    if (!this.#here(performance.now())) this.#fill();
    else if (this.#underWay === 0) this.#schedule();
  }

  /** Whether the next command runs on this thread. */
  #here(now: number): boolean {
    const next = this.#queue[0]?.work.count ?? 0;
    return next > FEW && now < this.#quickUntil && now >= this.#slowUntil;
  }

  #slice(): void {
    const end = performance.now() + SLICE_MS;
    for (let before = end - SLICE_MS; before < end && this.#here(before); ) {
      const batch = this.#queue[0];
      if (batch === undefined) return;
      const settled = batch.work.now(this.#take(batch));
      if (settled) void settled.then(() => this.#settle(batch));
      else this.#settle(batch);
      const after = performance.now(); // after each: one that hangs is the last one here
      if (after - before <= SLOW_MS * (batch.work.steps ?? 1)) {
        this.#slowInARow = 0;
        this.#quickUntil = after + EVIDENCE_MS;
      } else if (++this.#slowInARow >= SLOW_IN_A_ROW) {
        this.#slowUntil = after + EVIDENCE_MS;
      }
      before = after;
    }
  }

  #fill(): void {
    for (let batch = this.#queue[0]; batch !== undefined; batch = this.#queue[0]) {
      if (this.#underWay > 0 && performance.now() >= this.#answersUntil) return;
      if (!this.#room.take(this.#retry)) return;
      this.#underWay++;
      if (!this.#start(batch)) this.#end(batch);
    }
  }

  #start(batch: Batch): boolean {
    const before = performance.now();
    return batch.work.start(this.#take(batch), () => {
      this.answered(performance.now() - before);
      this.#end(batch);
      this.#more();
    });
  }

  #end(batch: Batch): void {
    this.#underWay--;
    this.#settle(batch);
    this.#room.give();
  }

  /** The index of the next command of the first batch. */
  #take(batch: Batch): number {
    const index = batch.next++;
    if (batch.next === batch.work.count) this.#queue.shift();
    return index;
  }

  #settle(batch: Batch): void {
    this.#settled++;
    if (--batch.left > 0) return;
    batch.resolve();
    if (--this.#unsettled > 0) return;
    for (const resolve of this.#whenIdle.splice(0)) resolve();
  }
}
