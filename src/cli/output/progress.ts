/**
 * How far a long command is, on stderr: one line that is written over on a terminal, a line every few seconds
 * elsewhere.
 */

const TERMINAL = {firstAfterMs: 500, intervalMs: 200};
const ELSEWHERE = {firstAfterMs: 5000, intervalMs: 5000};
const BAR_CELLS = 24;

export class Progress {
  readonly #isShown: boolean;
  readonly #isTerminal = process.stderr.isTTY;
  readonly #pace = process.stderr.isTTY ? TERMINAL : ELSEWHERE;
  #label = '';
  #startMs = 0;
  #nextMs = 0;
  #widest = 0;

  /** Without `isShown` nothing is ever written. */
  constructor(isShown: boolean) {
    this.#isShown = isShown;
  }

  /**
   * Says that `count` are done, of `total` where that is known; `label` says what: `checked`. May be called for each.
   */
  update(label: string, count: number, total?: number): void {
    if (!this.#isShown) return;
    const now = performance.now();
    if (label !== this.#label) {
      [this.#label, this.#startMs, this.#nextMs] = [label, now, now + this.#pace.firstAfterMs];
    }
    if (now < this.#nextMs) return;
    this.#nextMs = now + this.#pace.intervalMs;
    const text = `${label} ${progressText(count, total, (now - this.#startMs) / 1000)}`;
    if (this.#isTerminal) this.#overwrite(total === undefined ? text : `${bar(count / total)} ${text}`);
    else process.stderr.write(`${text}\n`);
  }

  /** Clears the line, if there is one. */
  end(): void {
    if (this.#widest > 0) process.stderr.write(`\r${' '.repeat(this.#widest)}\r`);
    this.#widest = 0;
  }

  #overwrite(text: string): void {
    this.#widest = Math.max(this.#widest, text.length);
    process.stderr.write(`\r${text.padEnd(this.#widest)}`);
  }
}

/** `12000 of 100000, 45000/s, 2 s left`, or `12000, 45000/s` where the total is not known. */
function progressText(count: number, total: number | undefined, seconds: number): string {
  const perSecond = count / Math.max(seconds, 0.001);
  if (total === undefined) return `${count}, ${Math.round(perSecond)}/s`;
  const left = count === 0 ? '' : `, ${Math.ceil((total - count) / perSecond)} s left`;
  return `${count} of ${total}, ${Math.round(perSecond)}/s${left}`;
}

function bar(share: number): string {
  const full = Math.min(BAR_CELLS, Math.floor(share * BAR_CELLS));
  return `[${'#'.repeat(full)}${'.'.repeat(BAR_CELLS - full)}]`;
}
