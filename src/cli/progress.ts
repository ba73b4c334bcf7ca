/** How far a long command is: one line on stderr that is written over, on a terminal only. */

const FIRST_AFTER_MS = 500;
const INTERVAL_MS = 200;

export class Progress {
  readonly #isShown: boolean;
  #label = '';
  #startMs = 0;
  #nextMs = 0;
  #widest = 0;

  /** Without `isShown` nothing is ever written. */
  constructor(isShown: boolean) {
    this.#isShown = isShown && process.stderr.isTTY;
  }

  /** Says that `count` are done, of `total` where that is known; `label` says what: `checked`. May be called for each. */
  update(label: string, count: number, total?: number): void {
    if (!this.#isShown) return;
    const now = performance.now();
    if (label !== this.#label) {
      [this.#label, this.#startMs, this.#nextMs] = [label, now, now + FIRST_AFTER_MS];
    }
    if (now < this.#nextMs) return;
    this.#nextMs = now + INTERVAL_MS;
    const perSecond = (1000 * count) / (now - this.#startMs);
    const ofTotal = total === undefined ? '' : ` of ${total}`;
    const left = total === undefined ? '' : `, ${Math.ceil((total - count) / perSecond)} s left`;
    const text = `${label} ${count}${ofTotal}, ${Math.round(perSecond)}/s${left}`;
    this.#widest = Math.max(this.#widest, text.length);
    process.stderr.write(`\r${text.padEnd(this.#widest)}`);
  }

  /** Clears the line, if there is one. */
  end(): void {
    if (this.#widest > 0) process.stderr.write(`\r${' '.repeat(this.#widest)}\r`);
    this.#widest = 0;
  }
}
