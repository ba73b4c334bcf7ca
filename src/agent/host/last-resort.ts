/**
 * The end of a process whose agent cannot end in good order, because something does not come back: a command that a NIC
 * does not answer, a call on a mount that hangs. The kernel frees on the NICs what the process held.
 */
import type {Events} from '../events.js';
import {exitNow} from './ffi.js';

/**
 * An agent that is to end and gets nothing done for so long hangs. libibverbs may take five seconds to open a NIC that
 * is away.
 */
const PATIENCE_MS = 6000;
const LOOK_MS = 250;

/** What shows that an agent still does something. */
export interface Watched {
  /** Grows while the NICs answer. */
  answers(): number;
  readonly events: Events;
}

export class LastResort {
  #watched: Watched | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The agent has ended in good order. */
  #ended = false;

  watch(watched: Watched): void {
    this.#watched = watched;
  }

  /**
   * From now on the process ends by itself, as soon as it has nothing left to do, or is ended when the NICs have
   * answered nothing for six seconds; `last` is called before that. The status is the one that was set for this
   * process, or 1.
   */
  begin(last: () => void = () => {}): void {
    let seen = this.#watched?.answers();
    let since = performance.now();
    this.#timer ??= setInterval(() => {
      const now = this.#watched?.answers();
      if (now !== seen) {
        seen = now;
        since = performance.now();
      } else if (performance.now() - since >= PATIENCE_MS) this.#end(last);
    }, LOOK_MS).unref();
  }

  /** What hangs now is not the agent's: its end was whole. */
  ended(): void {
    this.#ended = true;
  }

  #end(last: () => void): never {
    if (!this.#ended) this.#watched?.events.emit('error', 'end-hangs', {seconds: PATIENCE_MS / 1000});
    last();
    exitNow(Number(process.exitCode ?? (this.#ended ? 0 : 1)));
  }
}
