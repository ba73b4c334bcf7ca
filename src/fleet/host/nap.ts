/** A pause that news ends; one at a time. */
export class Nap {
  #wake = (): void => {};

  /** Resolves after `ms`, or when it is ended. */
  take(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the pause of now, if there is one. */
  end(): void {
    this.#wake();
  }
}
