/** Where the time of another process goes: proc(5), schedstat of each of its threads, looked at while it runs. */
import fs from 'node:fs';

export interface Seconds {
  readonly wall: number;
  readonly processor: number;
  /** It could have run, and no processor was free: what a busy host adds. */
  readonly waiting: number;
}

const LOOK_MS = 100;

export class Stopwatch {
  readonly #pid: number;
  readonly #began = performance.now();
  readonly #timer: NodeJS.Timeout;
  /** By thread, in nanoseconds: of those that have ended what was seen last. */
  readonly #threads = new Map<string, readonly [processor: number, waiting: number]>();

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#look(), LOOK_MS);
  }

  stop(): Seconds {
    clearInterval(this.#timer);
    const sum = (which: 0 | 1) => [...this.#threads.values()].reduce((all, times) => all + times[which], 0) / 1e9;
    return {wall: (performance.now() - this.#began) / 1000, processor: sum(0), waiting: sum(1)};
  }

  #look(): void {
    const tasks = `/proc/${this.#pid}/task`;
    try {
      for (const thread of fs.readdirSync(tasks)) {
        const [processor, waiting] = fs.readFileSync(`${tasks}/${thread}/schedstat`, 'latin1').split(' ').map(Number);
        this.#threads.set(thread, [processor!, waiting!]);
      }
    } catch {
      // It, or one of its threads, has just ended.
    }
  }
}
