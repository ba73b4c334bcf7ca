/** A worker thread as the main thread sees it: jobs in, outputs back, one by one. */
import {once} from 'node:events';
import {Worker} from 'node:worker_threads';
import {DekError} from '../../errors.js';
import {END, type Input, type JobName, moveTo, type Output} from './jobs.js';
import type {Answer, ThreadData} from './thread.js';

/** A thread handles some MiB at a time: what V8 keeps beyond that is only garbage that has not been collected. */
const LIMITS = {maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 64, codeRangeSizeMb: 16};

/** Far longer than a job takes. */
const CLOSE_MS = 10_000;

interface Waiting {
  resolve: (output: never) => void;
  reject: (error: DekError) => void;
}

export class Thread {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  #isLoaded = false;
  #hasEnded = false;
  #death: DekError | undefined;

  constructor(module: URL, workerData: ThreadData) {
    // What was preloaded into this process, by its options or NODE_OPTIONS, is not for its threads.
    const {NODE_OPTIONS: _, ...env} = process.env;
    this.#worker = new Worker(module, {workerData, resourceLimits: LIMITS, execArgv: [], env});
    this.#worker.on('message', (answer: Answer) => this.#settle(answer));
    this.#worker.on('error', (error) => this.#die(error.message, error));
    this.#worker.on('exit', (status) => {
      this.#hasEnded = true;
      this.#die(`it exited with ${status}`);
    });
  }

  /** Whether it has come up. One that cannot, for want of memory or descriptors, is not missed: others do its work. */
  get isRunning(): boolean {
    return this.#isLoaded;
  }

  /** How many jobs it has not done. */
  get load(): number {
    return this.#waiting.length;
  }

  run<N extends JobName>(name: N, input: Input<N>): Promise<Output<N>> {
    if (this.#death) return Promise.reject(this.#death);
    moveTo(this.#worker, {name, input}, input);
    return new Promise((resolve, reject) => this.#waiting.push({resolve, reject}));
  }

  /**
   * Ends it when it has done what it was given. It ends by itself: one that is stopped while it loads Koffi takes the
   * process with it (napi_throw, Node 20). One that does not end in time is stopped all the same.
   */
  async close(): Promise<void> {
    if (this.#hasEnded) return;
    const timer = setTimeout(() => void this.#worker.terminate(), CLOSE_MS);
    this.#worker.postMessage(END);
    await once(this.#worker, 'exit');
    clearTimeout(timer);
  }

  #settle(answer: Answer): void {
    if ('isLoaded' in answer) {
      this.#isLoaded = true;
      return;
    }
    const {resolve, reject} = this.#waiting.shift()!;
    if ('output' in answer) resolve(answer.output as never);
    else reject(new DekError(answer.error.code, answer.error.message, {hint: answer.error.hint}));
  }

  #die(why: string, cause?: unknown): void {
    this.#death ??= new DekError('IO', `a worker thread ended before its work was done: ${why}`, {
      hint: 'there may be too little memory',
      cause,
    });
    for (const {reject} of this.#waiting.splice(0)) reject(this.#death);
  }
}
