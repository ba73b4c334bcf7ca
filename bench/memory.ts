/** What locked memory costs: the same work with secrets in ordinary memory, and as a command has them. */
import {fileURLToPath} from 'node:url';
import {Side} from './side.js';
import {median, table} from './stats.js';

const ROUNDS = 9;
const SINGLES = 2000;
const KEYS = 3600;
const KEY_BYTES = 72;
const TIMES = 50;

const WORK = {
  'the first secret, us': {line: 'first', per: 1e3},
  'one secret of 32 bytes, us': {line: `single ${SINGLES} 32`, per: SINGLES * 1e3},
  [`a column of ${KEYS} keys of ${KEY_BYTES} bytes wrapped, us`]: {
    line: `columns ${KEYS} ${KEY_BYTES} ${TIMES}`,
    per: TIMES * 1e3,
  },
};

export interface MemoryCost {
  what: string;
  /** Medians of the CPU time. */
  ordinary: number;
  locked: number;
}

/** Measures it, each round in two new processes: the first secret is the first once. */
export async function benchMemory(): Promise<MemoryCost[]> {
  const script = fileURLToPath(new URL('memory-side.js', import.meta.url));
  const times = new Map(Object.keys(WORK).map((what) => [what, {ordinary: [] as number[], locked: [] as number[]}]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const name of ['ordinary', 'locked'] as const) {
      const side = new Side(process.execPath, [script, name]);
      for (const [what, {line, per}] of Object.entries(WORK)) {
        const [ns] = await side.ask(line);
        times.get(what)![name].push(Number(ns) / per);
      }
      side.stop();
    }
  }
  return [...times].map(([what, {ordinary, locked}]) => ({what, ordinary: median(ordinary), locked: median(locked)}));
}

/** A line for each kind of work. */
export function renderMemory(costs: readonly MemoryCost[]): string {
  const rows = costs.map(({what, ordinary, locked}) => [what, ordinary.toFixed(1), locked.toFixed(1)]);
  return table([['secrets in memory, CPU time', 'ordinary', 'locked'], ...rows]);
}
