/**
 * Large results in large pages and in small ones: the kernel zeroes what it gives, page after page. The other side has
 * them forbidden (PR_SET_THP_DISABLE of prctl(2)), as on a kernel that has none.
 */
import {randomBytes} from 'node:crypto';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {Side} from './side.js';
import {median, table} from './stats.js';

const PLAINTEXT_BYTES = 72;
const KEYS = [65_536, 262_144, 1_000_000];
const ROUNDS = 9;
/** Forbids large pages, and becomes its arguments. */
const SMALL_PAGES =
  'import ctypes, os, sys; ctypes.CDLL(None).prctl(41, 1, 0, 0, 0); os.execvp(sys.argv[1], sys.argv[1:])';

export interface PagesCost {
  keys: number;
  /** Medians of the CPU time of a key, in nanoseconds. */
  largeNs: number;
  smallNs: number;
}

/** Measures `wrapKeys`. */
export async function benchPages(): Promise<PagesCost[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dek-bench-'));
  const file = join(folder, 'plaintexts');
  writeFileSync(file, randomBytes(KEYS.at(-1)! * PLAINTEXT_BYTES));
  const script = fileURLToPath(new URL('wrap-side.js', import.meta.url));
  const command = [process.execPath, script, 'ours', randomBytes(32).toString('hex'), file, `${PLAINTEXT_BYTES}`];
  const large = new Side(command[0]!, command.slice(1));
  const small = new Side('python3', ['-c', SMALL_PAGES, ...command]);
  try {
    const costs: PagesCost[] = [];
    for (const keys of KEYS) {
      const times = {large: [] as number[], small: [] as number[]};
      for (let round = 0; round <= ROUNDS; round++) {
        for (const [name, side] of Object.entries({large, small}) as ['large' | 'small', Side][]) {
          const [cpuNs] = await side.ask(`wrap ${keys} 1`);
          if (round > 0) times[name].push(Number(cpuNs) / keys);
        }
      }
      costs.push({keys, largeNs: median(times.large), smallNs: median(times.small)});
    }
    return costs;
  } finally {
    large.stop();
    small.stop();
    rmSync(folder, {recursive: true});
  }
}

/** A line for each number of keys. */
export function renderPages(costs: readonly PagesCost[]): string {
  const speed = (ns: number): string => `${(1e3 / ns).toFixed(2)} M/s`;
  const rows = costs.map(({keys, largeNs, smallNs}) => [
    `${keys} keys`,
    speed(smallNs),
    speed(largeNs),
    (smallNs / largeNs).toFixed(2),
  ]);
  return table([['wrapKeys, 72 bytes, CPU time', 'small pages', 'large pages', 'ratio'], ...rows]);
}
