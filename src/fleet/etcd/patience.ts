/**
 * How long an answer is waited for. A process that was stopped, or got no core for long, finds its time over before it
 * has read what came meanwhile: that is read first.
 */
export class Patience {
  readonly #timer: NodeJS.Timeout;
  #reading: NodeJS.Immediate | undefined;

  constructor(ms: number, onEnd: () => void) {
    this.#timer = setTimeout(() => {
      this.#reading = setImmediate(onEnd);
    }, ms);
  }

  /** From now on nothing is waited for. */
  end(): void {
    clearTimeout(this.#timer);
    clearImmediate(this.#reading);
  }
}
