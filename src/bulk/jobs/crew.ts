/**
 * Large jobs on all cores: pieces of work go to worker threads and come back in their order. What is in flight is
 * bounded, so memory is constant however slow the reader or the writer is. Small jobs never start a thread.
 */
import {availableParallelism} from 'node:os';
import {setImmediate as turnOfTheLoop} from 'node:timers/promises';
import {wipe} from '../../bytes.js';
import {isProtecting} from '../../memory/protect.js';
import {shareSecret} from '../../memory/share.js';
import {packageFile} from '../../package.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import {type Input, type JobName, type Output, runJob, wipeBytes} from './jobs.js';
import {Thread} from './thread-handle.js';

/**
 * Pieces that the main thread does itself before it starts threads, unless it is told that more are to come: a thread
 * takes 40 ms to load and 200 ms more of CPU until its code is compiled well, so that jobs of 200,000 DEKs are done as
 * soon without (measured).
 */
const PIECES_ALONE = 256;
/** More threads than this wait for the one that reads and writes. */
const MAX_THREADS = 4;
/** Pieces in flight a thread: one that it works on, and others that wait while the main thread works. */
const PIECES_A_THREAD = 3;
/** Not bundled: a thread loads it by its path. */
const MODULE = packageFile('dist/src/bulk/jobs/thread.js');

export interface CrewOptions {
  threads?: number;
  /** 0: the main thread does none, and waits until threads run. */
  alone?: number;
  module?: URL;
}

/** A piece that has been begun. */
interface Flight<N extends JobName> {
  output: Promise<Output<N>>;
  isDone: boolean;
}

export class Crew {
  readonly #keks: readonly KekHandle[];
  readonly #shared: Uint8Array[] = [];
  readonly #threads: Thread[] = [];
  readonly #count: number;
  readonly #module: URL;
  readonly #alone: number;
  #begun = 0;

  private constructor(keks: readonly KekHandle[], {threads, alone, module}: CrewOptions) {
    this.#keks = keks;
    this.#count = threads ?? Math.min(Math.max(1, availableParallelism() - 1), MAX_THREADS);
    this.#alone = alone ?? PIECES_ALONE;
    this.#module = module ?? MODULE;
  }

  /**
   * Calls `use` with a crew whose jobs have `keks`; all that was begun has ended, and is wiped, when this settles. A
   * KEK that is not in this process is used from the main thread.
   */
  static async with<T>(
    keks: readonly KekHandle[],
    use: (crew: Crew) => Promise<T>,
    options: CrewOptions = {},
  ): Promise<T> {
    const crew = new Crew(keks, options);
    try {
      return await use(crew);
    } finally {
      await crew.#close();
    }
  }

  /**
   * Does the job `name` for each of `inputs`, whose buffers are moved to where it is done, and yields the outputs in
   * the same order. What `inputs` throws comes after the outputs of what came before it. Throws what the job throws; IO
   * when a thread dies.
   */
  async *map<N extends JobName>(name: N, inputs: AsyncIterable<Input<N>>): AsyncGenerator<Output<N>, void> {
    const source = inputs[Symbol.asyncIterator]();
    const inFlight: Flight<N>[] = [];
    let failure: {error: unknown} | undefined;
    try {
      for (;;) {
        while (inFlight.length >= this.#room || inFlight[0]?.isDone) yield await inFlight.shift()!.output;
        const next = await source.next().catch((error: unknown) => {
          failure = {error};
        });
        if (!next || next.done) break;
        inFlight.push(await this.#start(name, next.value));
      }
      while (inFlight.length > 0) yield await inFlight.shift()!.output;
      if (failure) throw failure.error;
    } finally {
      for (const output of await Promise.allSettled(inFlight.map(({output}) => output)))
        if (output.status === 'fulfilled') wipeBytes(output.value);
      await source.return?.();
    }
  }

  /** Gives the piece to the thread that has least to do. When all have enough, the main thread takes it itself. */
  async #start<N extends JobName>(name: N, input: Input<N>): Promise<Flight<N>> {
    if (this.#begun++ === this.#alone) this.#startThreads();
    const [thread] = this.#running.toSorted((a, b) => a.load - b.load);
    const isFree = thread && (this.#alone === 0 || thread.load < PIECES_A_THREAD);
    const flight: Flight<N> = {
      output: isFree ? thread.run(name, input) : runJob(name, input, this.#keks),
      isDone: false,
    };
    const done = (): void => {
      flight.isDone = true;
    };
    flight.output.then(done, done); // its error is told to whoever waits for it in its turn
    if (this.#threads.length > 0) await turnOfTheLoop(); // what threads have done is told then
    return flight;
  }

  /** How many pieces may be in flight. */
  get #room(): number {
    const threads = this.#running.length;
    return threads === 0 ? 1 : PIECES_A_THREAD * threads + (this.#alone === 0 ? 1 : PIECES_A_THREAD);
  }

  get #running(): Thread[] {
    return this.#alone === 0 ? this.#threads : this.#threads.filter((thread) => thread.isRunning);
  }

  /** Tells that about so many pieces are to come: for many, the threads start at once. */
  expect(pieces: number): void {
    if (pieces > this.#alone) this.#startThreads();
  }

  #startThreads(): void {
    if (this.#threads.length > 0) return;
    // Shared, so that there is one copy, which is ours to wipe; a thread has one of its own during a job only.
    const secrets = this.#keks.flatMap(({secret}) => secret ?? []);
    if (secrets.length < this.#keks.length) return;
    const keks = secrets.map(shareSecret);
    this.#shared.push(...keks.map(({bytes}) => bytes));
    const data = {keks: keks.map(({shared}) => shared), isProtecting: isProtecting()};
    try {
      for (let i = 0; i < this.#count; i++) this.#threads.push(new Thread(this.#module, data));
    } catch {
      // No more can be had (RLIMIT_NPROC): those that there are do the work, or the main thread alone.
    }
  }

  async #close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
    wipe(...this.#shared);
  }
}
