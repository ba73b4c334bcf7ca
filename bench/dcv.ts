/**
 * Check values (DCVs) and their hints: of one key after the other by our own code on the engine of the wraps, and of
 * many by libcrypto in place. In one process, in turns.
 */

import {randomPlaintexts} from '../src/bulk/plaintexts.js';
import {DEK_LAYOUTS, type DekLayout} from '../src/dek-layout.js';
import {checkValuesOf} from '../src/wrap/dcv/check-values.js';
import {dcvHints, dekCheckValue} from '../src/wrap/dcv/dcv.js';
import {median, table} from './stats.js';

const KEYS = 2000;
const ROUNDS = 7;

export interface DcvCost {
  keySize: number;
  /** Medians of the time of a key, in microseconds: one by one, many at once, and these without hints. */
  oneUs: number;
  manyUs: number;
  withoutHintsUs: number;
}

/** Measures keys of both sizes, without keytag. */
export function benchDcv(): DcvCost[] {
  return DEK_LAYOUTS.filter(({keytag}) => !keytag).map(costOf);
}

function costOf(layout: DekLayout): DcvCost {
  const {plaintextBytes, keySize} = layout;
  const plaintexts = randomPlaintexts(layout, KEYS);
  const ways = {
    oneUs: () => {
      for (let at = 0; at < plaintexts.length; at += plaintextBytes) {
        const dek = plaintexts.subarray(at, at + plaintextBytes);
        dekCheckValue(dek);
        dcvHints(dek);
      }
    },
    manyUs: () => checkValuesOf(plaintexts, layout),
    withoutHintsUs: () => checkValuesOf(plaintexts, layout, {hints: false}),
  };
  const times = {oneUs: [] as number[], manyUs: [] as number[], withoutHintsUs: [] as number[]};
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [name, way] of Object.entries(ways) as [keyof typeof ways, () => unknown][]) {
      const started = performance.now();
      way();
      if (round > 0) times[name].push(((performance.now() - started) * 1000) / KEYS);
    }
  }
  return {
    keySize,
    oneUs: median(times.oneUs),
    manyUs: median(times.manyUs),
    withoutHintsUs: median(times.withoutHintsUs),
  };
}

/** A line for each size. */
export function renderDcv(costs: readonly DcvCost[]): string {
  const rows = costs.map(({keySize, oneUs, manyUs, withoutHintsUs}) => [
    `${keySize} bits`,
    `${oneUs.toFixed(1)} us`,
    `${manyUs.toFixed(1)} us`,
    (oneUs / manyUs).toFixed(1),
    `${withoutHintsUs.toFixed(1)} us`,
  ]);
  return table([['check values of a key', 'one by one', 'many at once', 'times as fast', 'without hints'], ...rows]);
}
