/** Numbers that follow from a seed: the same ones each time. */

export class Random {
  #state: number;

  /** `words` are what the numbers follow from. */
  constructor(...words: number[]) {
    this.#state = words.reduce((state, word) => Math.imul(state ^ word, 0x9e3779b1) ^ (state >>> 15), 0x2545f491);
  }

  /** A whole number of 0 to `n` - 1 (mulberry32). */
  below(n: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }

  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)]!;
  }
}
