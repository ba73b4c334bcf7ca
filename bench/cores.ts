/**
 * Large jobs on one core and on all: raw keys wrapped by a crew that is warm, as `dek wrap --size` wraps them, without
 * the file.
 */
import {randomBytes, randomFillSync} from 'node:crypto';
import {availableParallelism} from 'node:os';
import {setImmediate as turnOfTheLoop} from 'node:timers/promises';
import {Crew} from '../src/bulk/index.js';
import {BytesKek} from '../src/wrap/kek-handle.js';
import {ecbBlocks} from './ecb.js';
import {median, table} from './stats.js';

const PIECES = 400;
const KEYS_A_PIECE = 4096;
const ROUNDS = 9;
const ECB_BYTES = 65_536;

export interface CoresCost {
  plaintextBytes: number;
  /** Medians, from the first piece to the last. */
  oneMs: number;
  allMs: number;
  /** What `openssl speed` gains on the same cores, at AES-ECB: what there is to be gained. */
  ecbRatio: number;
}

/** Measures for the smallest and the largest DEK. */
export async function benchCores(): Promise<CoresCost[]> {
  return [await measure(32), await measure(72)];
}

async function measure(plaintextBytes: number): Promise<CoresCost> {
  const kek = new BytesKek(randomBytes(32), 'kek');
  const keys = randomFillSync(new Uint8Array(KEYS_A_PIECE * plaintextBytes));
  async function* inputs() {
    for (let i = 0; i < PIECES; i++) {
      await turnOfTheLoop(); // as reading a file would
      yield {bytes: keys.slice(), plaintextBytes};
    }
  }
  const timed = async (crew: Crew): Promise<number> => {
    const start = performance.now();
    let done = 0;
    for await (const {count} of crew.map('wrapRaw', inputs())) done += count;
    if (done !== PIECES * KEYS_A_PIECE) throw new Error(`${done} keys came back`);
    return performance.now() - start;
  };
  const [one, all, ecb]: [number[], number[], number[]] = [[], [], []];
  await Crew.with(
    [kek],
    (alone) =>
      Crew.with([kek], async (crew) => {
        for (let round = -2; round < ROUNDS; round++) {
          const [oneMs, allMs] = [await timed(alone), await timed(crew)];
          if (round < 0) continue;
          one.push(oneMs);
          all.push(allMs);
          const [single, multi] = [
            await ecbBlocks(256, ECB_BYTES, 1),
            await ecbBlocks(256, ECB_BYTES, availableParallelism()),
          ];
          ecb.push(multi / single);
        }
      }),
    {alone: Number.POSITIVE_INFINITY},
  );
  return {plaintextBytes, oneMs: median(one), allMs: median(all), ecbRatio: median(ecb)};
}

/** The rows as text. */
export function renderCores(costs: readonly CoresCost[]): string {
  const perSecond = (ms: number): string => ((PIECES * KEYS_A_PIECE) / ms / 1000).toFixed(2);
  const rows = costs.map(({plaintextBytes, oneMs, allMs, ecbRatio}) => [
    `${plaintextBytes}`,
    perSecond(oneMs),
    perSecond(allMs),
    (oneMs / allMs).toFixed(2),
    ecbRatio.toFixed(2),
  ]);
  const heading = [
    'bytes',
    'one core, M keys/s',
    `${availableParallelism()} cores, M keys/s`,
    'ratio',
    'openssl speed',
  ];
  const title = `wrapped by a crew, ${PIECES} pieces of ${KEYS_A_PIECE} keys, medians of ${ROUNDS} rounds`;
  return `${title}\n${table([heading, ...rows])}`;
}
