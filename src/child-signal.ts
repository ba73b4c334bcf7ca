/**
 * A signal for a part of some work: it ends with the whole, by itself after a time, or when the part is done.
 * Not AbortSignal.any: in Node 20 a signal that lives long keeps something of each that was made of it.
 */
export class ChildSignal {
  readonly #controller = new AbortController();
  readonly #whole: AbortSignal;
  readonly #timer: NodeJS.Timeout | undefined;

  /** It fires when `whole` does, or has done so before, and after `timeoutMs`. */
  constructor(whole: AbortSignal, timeoutMs?: number) {
    this.#whole = whole;
    if (timeoutMs !== undefined) this.#timer = setTimeout(this.end, timeoutMs);
    whole.addEventListener('abort', this.end);
    // A signal that has fired tells nobody any more.
    if (whole.aborted) this.end();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Fires it, and lets go of the whole: has to be called in any case. */
  readonly end = (): void => {
    clearTimeout(this.#timer);
    this.#whole.removeEventListener('abort', this.end);
    this.#controller.abort();
  };
}
