/**
 * Whole commands on manifests, from fork to exit: `dek` beside one process of Python (commands.py) and beside
 * openssl(1) and a shell (commands.sh), which is given fewer keys, since it forks a process a key. Then `dek rewrap` of
 * a million.
 */
import {randomBytes} from 'node:crypto';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {wrapCredential, wrapKeys} from '../src/wrap/index.js';
import {PYTHON, sourcePath} from './compile.js';
import {type Measure, type Measured, measurer, medians} from './measure.js';
import {table} from './stats.js';

const KEYS = 100_000;
const SHELL_KEYS = 1000;
const MANY = 1_000_000;
const ROUNDS = 3;
/** 256-bit DEKs with keytag. */
const PLAINTEXT_BYTES = 72;
const DEK = [process.execPath, fileURLToPath(new URL('../../bin/dek.cjs', import.meta.url))];

export interface CommandCost {
  command: 'keygen' | 'wrap' | 'unwrap' | 'manifest check' | 'rewrap';
  side: 'dek' | 'python' | 'shell' | 'dek on one core';
  keys: number;
  rounds: number;
  /** Medians over the rounds: milliseconds from fork to exit, of CPU, and KiB that were resident at most. */
  wallMs: number;
  cpuMs: number;
  peakKib: number;
}

/** Measures, and returns a row for each command and side. */
export async function benchCommands(): Promise<CommandCost[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dek-bench-'));
  try {
    const measure = await measurer(folder);
    const kek = randomBytes(32);
    const files = {kek: secret(folder, 'kek', kek), newKek: secret(folder, 'kek-2', randomBytes(32))};
    const credential = secret(folder, 'credential.wrapped', wrapCredential(kek, randomBytes(40)));
    const bench = {folder, measure, credential, ...files};
    return [...(await sideBySide(bench)), ...(await many(bench))];
  } finally {
    rmSync(folder, {recursive: true});
  }
}

interface Bench {
  folder: string;
  measure: Measure;
  /** Files. */
  kek: string;
  newKek: string;
  credential: string;
}

type Command = CommandCost['command'];
type Sides = Record<'dek' | 'python' | 'shell', string[]>;

async function sideBySide(bench: Bench): Promise<CommandCost[]> {
  const {folder, measure} = bench;
  const made = join(folder, 'made');
  const costs: CommandCost[] = [];
  for (const [command, sides] of Object.entries(await commandLines(bench, made)) as [Command, Sides][]) {
    const runs: Record<keyof Sides, Measured[]> = {dek: [], python: [], shell: []};
    for (let round = 0; round < ROUNDS; round++) {
      rmSync(made, {force: true});
      runs.dek.push(await measure(sides.dek));
      for (const side of ['python', 'shell'] as const) {
        const stdout = join(folder, side);
        runs[side].push(await measure(sides[side], {stdout}));
        assertSame(command, stdout, made);
      }
    }
    for (const side of ['dek', 'python', 'shell'] as const) {
      costs.push({command, side, keys: side === 'shell' ? SHELL_KEYS : KEYS, rounds: ROUNDS, ...medians(runs[side])});
    }
  }
  return costs;
}

/** What each side runs. dek writes to `made`, the others to standard output. */
async function commandLines(bench: Bench, made: string): Promise<Record<Command, Sides>> {
  const {folder, measure, kek, newKek} = bench;
  const file = (name: string): string => join(folder, name);
  const python = (...args: string[]): string[] => [PYTHON, sourcePath('commands.py'), ...args];
  const shell = (...args: string[]): string[] => [sourcePath('commands.sh'), ...args];

  const [manifest, few] = [file('manifest'), file('few')];
  await measure(keygen(bench, KEYS, manifest));
  const lines = readFileSync(manifest, 'utf8').split('\n');
  writeFileSync(few, `${lines.slice(0, SHELL_KEYS + 1).join('\n')}\n`);
  const plaintexts = randomBytes(KEYS * PLAINTEXT_BYTES);
  const wrapped = wrapKeys(readFileSync(kek), plaintexts, PLAINTEXT_BYTES);
  const plainFile = secret(folder, 'plain', plaintexts);
  const fewPlain = secret(folder, 'few-plain', plaintexts.subarray(0, SHELL_KEYS * PLAINTEXT_BYTES));
  const wrappedFile = secret(folder, 'wrapped', wrapped);
  const fewWrapped = secret(folder, 'few-wrapped', wrapped.subarray(0, SHELL_KEYS * (PLAINTEXT_BYTES + 8)));
  const raw = ['--size', '256', '--keytag', '--kek', `file:${kek}`];

  return {
    keygen: {
      dek: keygen(bench, KEYS, made),
      python: python('keygen', `${KEYS}`, kek),
      shell: shell('keygen', `${SHELL_KEYS}`, kek),
    },
    wrap: {
      dek: [...DEK, 'wrap', `file:${plainFile}`, ...raw, '--output', made],
      python: python('wrap', plainFile, kek),
      shell: shell('wrap', fewPlain, kek),
    },
    unwrap: {
      dek: [...DEK, 'unwrap', wrappedFile, ...raw, '--reveal', '--output', made],
      python: python('unwrap', wrappedFile, kek),
      shell: shell('unwrap', fewWrapped, kek),
    },
    'manifest check': {
      dek: [...DEK, 'manifest', 'check', manifest, '--kek', `file:${kek}`],
      python: python('check', manifest, kek),
      shell: shell('check', few, kek),
    },
    rewrap: {
      dek: rewrap(bench, manifest, made),
      python: python('rewrap', manifest, kek, newKek),
      shell: shell('rewrap', few, kek, newKek),
    },
  };
}

/** `dek rewrap` of a million, on all cores and on one. */
async function many(bench: Bench): Promise<CommandCost[]> {
  const [manifest, made] = [join(bench.folder, 'many'), join(bench.folder, 'many-2')];
  await bench.measure(keygen(bench, MANY, manifest));
  const sides = {dek: [], 'dek on one core': ['taskset', '-c', '0']} as const;
  const runs: Record<keyof typeof sides, Measured[]> = {dek: [], 'dek on one core': []};
  for (let round = 0; round < ROUNDS; round++) {
    for (const side of ['dek', 'dek on one core'] as const) {
      runs[side].push(await bench.measure([...sides[side], ...rewrap(bench, manifest, made)]));
      rmSync(made);
    }
  }
  return (['dek', 'dek on one core'] as const).map((side) => {
    return {command: 'rewrap', side, keys: MANY, rounds: ROUNDS, ...medians(runs[side])};
  });
}

function keygen({kek, credential}: Bench, keys: number, output: string): string[] {
  const login = ['--import-kek-id', '1', '--credential-id', '2', '--credential', credential];
  const deks = ['--count', `${keys}`, '--name', 'vol-%d', '--keytag', '--kek', `file:${kek}`];
  return [...DEK, 'keygen', ...deks, ...login, '--output', output];
}

function rewrap({kek, newKek}: Bench, manifest: string, output: string): string[] {
  return [...DEK, 'rewrap', manifest, '--from', `file:${kek}`, '--to', `file:${newKek}`, '--output', output];
}

function secret(folder: string, name: string, bytes: Uint8Array): string {
  writeFileSync(join(folder, name), bytes, {mode: 0o600});
  return join(folder, name);
}

/** Whether a side made what dek made, of which it may have had the first keys only. */
function assertSame(command: Command, file: string, made: string): void {
  if (command === 'keygen' || command === 'manifest check') return; // random keys; nothing
  const [given, expected] = [file, made].map((path) => {
    const bytes = readFileSync(path);
    return command === 'rewrap' ? bytes.subarray(bytes.indexOf('\n') + 1) : bytes; // the header is dek's business
  }) as [Buffer, Buffer];
  const enough = given.length >= SHELL_KEYS * PLAINTEXT_BYTES;
  if (!enough || !expected.subarray(0, given.length).equals(given)) throw new Error(`${file}: not what dek made`);
}

/** The rows as text. */
export function renderCommands(costs: readonly CommandCost[]): string {
  const usOf = ({wallMs, keys}: CommandCost): number => (wallMs * 1000) / keys;
  const rows = costs.map((cost) => {
    const dek = costs.find(({command, side, keys}) => {
      return command === cost.command && side === 'dek' && keys === (cost.keys === MANY ? MANY : KEYS);
    });
    return [
      `${cost.command}, ${cost.side}`,
      `${cost.keys}`,
      (cost.wallMs / 1000).toFixed(2),
      (cost.cpuMs / 1000).toFixed(2),
      usOf(cost).toFixed(1),
      (1e6 / usOf(cost)).toFixed(0),
      (usOf(cost) / usOf(dek!)).toFixed(1),
      (cost.peakKib / 1024).toFixed(0),
    ];
  });
  const heading = ['command', 'keys', 's', 'CPU, s', 'us a key', 'keys a second', "times dek's", 'peak, MiB'];
  return `whole commands on manifests, medians of ${ROUNDS} rounds\n${table([heading, ...rows])}`;
}
