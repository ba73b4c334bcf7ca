/**
 * Large jobs on all cores: pieces of work go to worker threads and come back in their order. What is in flight is bounded, so
 * memory is constant however slow the reader or the writer is. Small jobs never start a thread.
 */
import {availableParallelism} from 'node:os';
import {wipe} from '../bytes.js';
import {packageFile} from '../package.js';
import {type Input, type JobName, type Output, runJob, wipeBytes} from './jobs.js';
import {Thread} from './thread-handle.js';

/**
 * Pieces that the main thread does itself before it starts threads, and others until they run: they take 0.2 s to load and to be
 * compiled well, so that jobs of 60,000 DEKs are done as soon without them (measured).
 */
const PIECES_ALONE = 64;
/** More threads than this wait for the one that reads and writes. */
const MAX_THREADS = 4;
/** Pieces in flight a thread: one that it works on, and others that wait while the main thread writes. */
const PIECES_A_THREAD = 3;
/** Not bundled: a thread loads it by its path. */
const MODULE = packageFile('dist/src/bulk/thread.js');

export interface CrewOptions {
  threads?: number;
  /** 0: the main thread does none, and waits until threads run. */
  alone?: number;
  module?: URL;
}

export class Crew {
  readonly #keks: readonly Uint8Array[];
  readonly #shared: Uint8Array[] = [];
  readonly #threads: Thread[] = [];
  readonly #count: number;
  readonly #module: URL;
  readonly #alone: number;
  #begun = 0;

  private constructor(keks: readonly Uint8Array[], {threads, alone, module}: CrewOptions) {
    this.#keks = keks;
    this.#count = threads ?? Math.min(Math.max(1, availableParallelism() - 1), MAX_THREADS);
    this.#alone = alone ?? PIECES_ALONE;
    this.#module = module ?? MODULE;
  }

  /** Calls `use` with a crew whose jobs have `keks`; all that was begun has ended, and is wiped, when this settles. */
  static async with<T>(
    keks: readonly Uint8Array[],
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
   * Does the job `name` for each of `inputs`, whose buffers are moved to where it is done, and yields the outputs in the same
   * order. What `inputs` throws comes after the outputs of what came before it. Throws what the job throws; IO when a thread dies.
   */
  async *map<N extends JobName>(name: N, inputs: AsyncIterable<Input<N>>): AsyncGenerator<Output<N>, void> {
    const source = inputs[Symbol.asyncIterator]();
    const inFlight: Promise<Output<N>>[] = [];
    let failure: {error: unknown} | undefined;
    try {
      for (;;) {
        const next = await source.next().catch((error: unknown) => {
          failure = {error};
        });
        if (!next || next.done) break;
        inFlight.push(this.#start(name, next.value));
        if (inFlight.length > this.#running.length * PIECES_A_THREAD) yield await inFlight.shift()!;
      }
      while (inFlight.length > 0) yield await inFlight.shift()!;
      if (failure) throw failure.error;
    } finally {
      for (const output of await Promise.allSettled(inFlight))
        if (output.status === 'fulfilled') wipeBytes(output.value);
      await source.return?.();
    }
  }

  #start<N extends JobName>(name: N, input: Input<N>): Promise<Output<N>> {
    if (this.#threads.length === 0 && this.#begun++ >= this.#alone) this.#startThreads();
    const [thread] = this.#free.toSorted((a, b) => a.load - b.load);
    const output = thread ? thread.run(name, input) : runJob(name, input, this.#keks);
    output.catch(() => {}); // told to whoever waits for it in its turn
    return output;
  }

  /** Those that have not enough to do; when there are none, the main thread takes the next piece itself. */
  get #free(): Thread[] {
    return this.#alone === 0 ? this.#threads : this.#running.filter(({load}) => load < PIECES_A_THREAD);
  }

  get #running(): Thread[] {
    return this.#alone === 0 ? this.#threads : this.#threads.filter((thread) => thread.isRunning);
  }

  #startThreads(): void {
    // Shared, so that there is one copy, which is ours to wipe; a thread has one of its own during a job only.
    for (const kek of this.#keks) {
      const shared = new Uint8Array(new SharedArrayBuffer(kek.length));
      shared.set(kek);
      this.#shared.push(shared);
    }
    for (let i = 0; i < this.#count; i++) this.#threads.push(new Thread(this.#module, this.#shared));
  }

  async #close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
    wipe(...this.#shared);
  }
}
