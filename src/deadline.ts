/**
 * An end to waiting: for what may hang (a pipe that nobody writes, a file on a mount that does not answer) and cannot
 * be told to stop. What is given up on goes on by itself; who began it says what becomes of what it brings after all.
 */
import {setMaxListeners} from 'node:events';
import {DekError} from './errors.js';

/** How long to wait, and what ends it sooner. */
export interface Limit {
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/**
 * Each thing that hangs keeps one thread of libuv's pool, which NIC commands need too: beyond these nothing new is
 * begun.
 */
const MAX_STUCK = 4;
let stuck = 0;

/** Whether something that was given up on still hangs: a process that ends by itself would wait for it. */
export const hasStuck = (): boolean => stuck > 0;

export class Deadline {
  readonly #what: string;
  readonly #limit: Limit;
  readonly #end: number;
  #gaveUp = false;

  /** It runs from now on. `what` is waited for: messages name it. */
  constructor(what: string, limit: Limit) {
    this.#what = what;
    this.#limit = limit;
    // All that a process waits for may end by one signal, and no wait stays its listener.
    setMaxListeners(0, limit.signal);
    this.#end = performance.now() + limit.timeoutMs;
  }

  /** Whether there is nothing to wait for any more. */
  get isOver(): boolean {
    return this.#gaveUp || this.#limit.signal.aborted || performance.now() >= this.#end;
  }

  /** Throws IO once it is over. */
  check(): void {
    if (this.isOver) throw this.#error();
  }

  /**
   * What `begin` resolves to. Throws IO when it is over before, and `late` then gets what comes after all; and without
   * a start while too much that was given up on still hangs.
   */
  async wait<T>(begin: () => Promise<T>, late: (value: T) => void = () => {}): Promise<T> {
    this.check();
    if (stuck >= MAX_STUCK) throw new DekError('IO', `${this.#what} is not tried: ${stuck} calls before it hang`);
    const begun = begin();
    const {signal} = this.#limit;
    let giveUp = (): void => {};
    const over = new Promise<'over'>((resolve) => {
      giveUp = () => resolve('over');
    });
    // A process that was stopped, or starved, comes too late to its timer: what it missed is given back, since what it
    // waits for may be there.
    let timer = setTimeout(() => {
      timer = setTimeout(giveUp, performance.now() - this.#end);
    }, this.#end - performance.now());
    signal.addEventListener('abort', giveUp);
    try {
      const first = await Promise.race([begun.then((value) => ({value})), over]);
      if (first !== 'over') return first.value;
      this.#gaveUp = true;
      stuck++;
      begun.then(late, () => {}).finally(() => stuck--);
      throw this.#error();
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', giveUp);
    }
  }

  #error(): DekError {
    const {signal, timeoutMs} = this.#limit;
    if (signal.aborted) return new DekError('IO', `${this.#what} is not waited for any more: interrupted`);
    return new DekError('IO', `${this.#what} gave nothing for ${timeoutMs / 1000} s`);
  }
}
