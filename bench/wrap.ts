/**
 * AES key wrap of 1 to 1,000,000 keys under one KEK: ours beside all that a user could take instead, on the same keys,
 * in interleaved rounds, and beside the limit that AES-ECB sets (ecb.ts). Every result of every side is compared by its
 * SHA-256: wrong answers end the bench. Times are CPU time of all threads of a side, since other work shares the cores.
 */
import {createHash, randomBytes} from 'node:crypto';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {compile, PYTHON, sourcePath} from './compile.js';
import {ecbBlocks, type KekBits, peakBuffer} from './ecb.js';
import {Side} from './side.js';
import {median} from './stats.js';

/** Short names, and what each is. */
export const SIDES = {
  ours: 'dek: wrapKeys, one core',
  manpage: 'OpenSSL in C, as in the man page',
  kept: 'OpenSSL in C, context kept',
  node: 'node:crypto id-aes*-wrap',
  noble: '@noble/ciphers aeskw',
  webcrypto: 'WebCrypto AES-KW',
  python: 'python3-cryptography aes_key_wrap',
} as const;
export type SideName = keyof typeof SIDES;

const KEK_BITS: readonly KekBits[] = [128, 256];
/** The four layouts of a DEK. */
const PLAINTEXT_BYTES = [32, 40, 64, 72] as const;
export const KEYS = [1, 16, 256, 4096, 65_536, 1_000_000] as const;
/** How many keys are unwrapped and rewrapped. */
export const UNWRAPPED_KEYS = 65_536;
/** A round wraps at least so many keys, which takes 5 ms or more; few keys are wrapped again and again. */
const KEYS_A_ROUND = {ours: 65_536, others: 4096} as const;
const ROUNDS = 5;
/** The layout that the charts show, and the KEK. The slowest sides take a million keys of no other. */
export const SHOWN = {plaintextBytes: 72, kekBits: 256} as const;

export type Operation = 'wrap' | 'unwrap' | 'rewrap';

export interface WrapCost {
  operation: Operation;
  side: SideName;
  kekBits: KekBits;
  plaintextBytes: number;
  keys: number;
  rounds: number;
  /** Nanoseconds a key, medians over the rounds. */
  cpuNs: number;
  wallNs: number;
}

/** What AES-ECB allows at 6n blocks a key, by the median over the rounds. */
export interface WrapLimit {
  kekBits: KekBits;
  plaintextBytes: number;
  bufferBytes: number;
  keysPerSecond: number;
}

export interface WrapCosts {
  costs: WrapCost[];
  limits: WrapLimit[];
}

/** Measures everything. Takes a quarter of an hour. */
export async function benchWrap(): Promise<WrapCosts> {
  const folder = mkdtempSync(join(tmpdir(), 'dek-bench-'));
  const found: WrapCosts = {costs: [], limits: []};
  try {
    const program = await compile('wrap.c', folder, '-lcrypto');
    for (const kekBits of KEK_BITS) {
      const bufferBytes = await peakBuffer(kekBits);
      for (const plaintextBytes of PLAINTEXT_BYTES) {
        await benchLayout({folder, program, kekBits, plaintextBytes, bufferBytes}, found);
      }
    }
    return found;
  } finally {
    rmSync(folder, {recursive: true});
  }
}

interface Layout {
  folder: string;
  program: string;
  kekBits: KekBits;
  plaintextBytes: number;
  bufferBytes: number;
}

/** Adds the rows of one layout under one size of KEK to `found`. */
async function benchLayout(layout: Layout, found: WrapCosts): Promise<void> {
  const {folder, program, kekBits, plaintextBytes, bufferBytes} = layout;
  const file = join(folder, 'plaintexts');
  const plaintexts = randomBytes(KEYS.at(-1)! * plaintextBytes);
  writeFileSync(file, plaintexts);
  const args = [randomBytes(kekBits / 8).toString('hex'), file, `${plaintextBytes}`];
  const sides = startSides(program, args);
  const times = new Map<string, Times>();
  const blocks: number[] = [];

  /** One operation of one side: checks its result, keeps its times, and returns the digest of the result. */
  const run = async (operation: Operation, side: SideName, keys: number, expected?: string): Promise<string> => {
    const repeats = Math.max(1, KEYS_A_ROUND[side === 'ours' ? 'ours' : 'others'] / keys);
    const [cpu, wall, digest] = await sides[side].ask(`${operation} ${keys} ${repeats}`);
    if (expected !== undefined && digest !== expected) {
      throw new Error(`${side}: ${operation} of ${keys} keys of ${plaintextBytes} bytes gives a wrong result`);
    }
    const key = [operation, side, keys].join(' ');
    const entry = times.get(key) ?? {operation, side, keys, cpu: [], wall: []};
    times.set(key, entry);
    entry.cpu.push(Math.round(Number(cpu) / repeats / keys));
    entry.wall.push(Math.round(Number(wall) / repeats / keys));
    return digest!;
  };

  try {
    for (const keys of [1, 4096]) for (const side of names(SIDES)) await run('wrap', side, keys); // V8 compiles
    times.clear();
    for (let round = 0; round < ROUNDS; round++) {
      blocks.push(await ecbBlocks(kekBits, bufferBytes));
      for (const keys of KEYS) {
        const expected = await run('wrap', 'ours', keys);
        for (const side of names(SIDES)) {
          if (side !== 'ours' && round < roundsOf(side, keys, layout)) await run('wrap', side, keys, expected);
        }
        if (keys !== UNWRAPPED_KEYS) continue;
        const plain = createHash('sha256')
          .update(plaintexts.subarray(0, keys * plaintextBytes))
          .digest('hex');
        await run('unwrap', 'ours', keys, plain);
        await run('rewrap', 'ours', keys, expected);
        if (round < roundsOf('manpage', keys, layout)) await run('unwrap', 'manpage', keys, plain);
      }
    }
  } finally {
    for (const side of Object.values(sides)) side.stop();
  }

  for (const {cpu, wall, ...what} of times.values()) {
    const medians = {rounds: cpu.length, cpuNs: median(cpu), wallNs: median(wall)};
    found.costs.push({...what, kekBits, plaintextBytes, ...medians});
  }
  const keysPerSecond = Math.round(median(blocks) / (6 * (plaintextBytes / 8)));
  found.limits.push({kekBits, plaintextBytes, bufferBytes, keysPerSecond});
}

interface Times {
  operation: Operation;
  side: SideName;
  keys: number;
  /** Nanoseconds a key, one a round. */
  cpu: number[];
  wall: number[];
}

/** Many keys take the others long, and their rounds differ little. */
function roundsOf(side: SideName, keys: number, {plaintextBytes, kekBits}: Layout): number {
  if (side === 'ours' || keys <= 4096) return ROUNDS;
  if (side === 'manpage') return 3;
  const slow = keys > 65_536 && (side === 'webcrypto' || side === 'python');
  return slow && !(plaintextBytes === SHOWN.plaintextBytes && kekBits === SHOWN.kekBits) ? 0 : 1;
}

function startSides(program: string, args: readonly string[]): Record<SideName, Side> {
  const script = fileURLToPath(new URL('wrap-side.js', import.meta.url));
  const inNode = (name: SideName): Side => new Side(process.execPath, [script, name, ...args]);
  return {
    ours: inNode('ours'),
    manpage: new Side(program, ['new', ...args]),
    kept: new Side(program, ['kept', ...args]),
    node: inNode('node'),
    noble: inNode('noble'),
    webcrypto: inNode('webcrypto'),
    python: new Side(PYTHON, [sourcePath('wrap.py'), ...args]),
  };
}

function names<Name extends string>(record: Readonly<Record<Name, unknown>>): Name[] {
  return Object.keys(record) as Name[];
}
