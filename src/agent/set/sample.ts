/**
 * Which DEKs of many are proven: all of them, or a share. For 1 % it is every 100th, the first of them at random:
 * every DEK has the same chance, others are drawn each time, and 100 that were made wrongly together, one after the
 * other, are found for certain. At least one is drawn of however few.
 */
import {randomInt} from 'node:crypto';

/** Finer than any share. */
const STEPS = 2 ** 32;

export class Sample {
  readonly #total: number;
  readonly #count: number;
  readonly #start: number;
  #seen = 0;
  #taken = 0;

  /** Of `total` DEKs; `share` is above 0, and 1 for all. `start`, from 0 and below 1, is random when left out. */
  constructor(share: number, total: number, start = randomInt(STEPS) / STEPS) {
    this.#total = total;
    this.#count = Math.ceil(share * total);
    this.#start = start;
  }

  /** Whether the next DEK is one of them. */
  takes(): boolean {
    const next = Math.floor(((this.#taken + this.#start) * this.#total) / this.#count);
    if (this.#seen++ !== next) return false;
    this.#taken++;
    return true;
  }
}
