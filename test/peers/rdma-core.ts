/**
 * rdma-core's own tests, as Debian packs them in python3-pyverbs, on a virtual ConnectX: run, and how each ended.
 * Their crypto tests get keys that `dek` made, and the ciphertext that OpenSSL makes of their data.
 */
import {execFileSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {gunzipSync} from 'node:zlib';
import {wrapDek} from '../../src/wrap/index.js';
import type {TestDevice} from '../support/nic/device.js';
import {xts} from '../support/nic/xts.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
/** Where Debian has the tests, and where the set-up puts them on systems without /usr/share/doc. */
const PLACES = ['/usr/share/doc/rdma-core/tests', join(ROOT, '.cache', 'rdma-core-tests')];
/** Debian's python3, for which python3-pyverbs is built. */
export const PYTHON = '/usr/bin/python3';

/** How a test ended: `ok`, `skipped`, `FAIL` or `ERROR`; of a skip, the reason that the test gives. */
export interface Outcome {
  readonly ended: string;
  readonly reason: string | undefined;
}

/** The suite, unpacked into a directory. */
export class Suite {
  readonly #directory: string;

  constructor(directory: string) {
    const place = PLACES.find((path) => fs.existsSync(path));
    if (!place) throw new Error(`rdma-core's tests are not in ${PLACES.join(' or ')}: run scripts/setup`);
    this.#directory = directory;
    unpack(place, join(directory, 'tests'));
    // Later releases ask rdma(8) for the network interface of a port: the kernel knows of no virtual NIC.
    fs.mkdirSync(join(directory, 'bin'));
    fs.writeFileSync(join(directory, 'bin', 'rdma'), '#!/bin/sh\necho "[]"\n', {mode: 0o755});
  }

  /**
   * Runs tests on a NIC and returns what they print.
   * @param device - with KEK 0 and credential 0, which the tests log in with
   * @param words - as run_tests.py takes them: a test, or `--dev mlx5_0` for all
   * @param swapped - the NIC gets key1 and key2 the other way round
   */
  run(device: TestDevice, words: readonly string[], swapped = false): string {
    const info = join(this.#directory, 'info.json');
    fs.writeFileSync(info, infoFile(device, swapped));
    return this.runWith(info, device, words);
  }

  /** The same with a file of keys that is there. */
  runWith(info: string, device: TestDevice, words: readonly string[]): string {
    const {stdout, stderr} = device.run(PYTHON, [join(this.#directory, 'tests/run_tests.py'), '-v', ...words], {
      env: {MLX5_CRYPTO_TEST_INFO: info, PATH: `${join(this.#directory, 'bin')}:${process.env['PATH']}`},
    });
    return stdout + stderr;
  }
}

/** How each test of a run ended, by its module, class and name. */
export function outcomes(output: string): Map<string, Outcome> {
  // A line of documentation may stand between the name of a test and how it ended.
  const lines = output.matchAll(/^test_\w+ \(tests\.([\w.]+)\)(?:\n.*?)? \.\.\. (\w+)(.*)$/gm);
  return new Map(
    Array.from(lines, ([, name, ended, more]) => [name!, {ended: ended!, reason: /^ (['"])(.*)\1$/.exec(more!)?.[2]}]),
  );
}

/** The names of skipped tests by their reasons, both sorted. */
export function skipsOf(ended: ReadonlyMap<string, Outcome>): Record<string, string[]> {
  const skips: Record<string, string[]> = {};
  for (const [name, {ended: how, reason}] of [...ended].sort()) {
    if (how !== 'skipped') continue;
    const why = reason ?? '(no reason)';
    skips[why] = [...(skips[why] ?? []), name];
  }
  return Object.fromEntries(Object.entries(skips).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Copies the tests, some of which Debian packs. */
function unpack(from: string, to: string): void {
  fs.mkdirSync(to);
  for (const name of fs.readdirSync(from)) {
    const bytes = fs.readFileSync(join(from, name));
    if (name.endsWith('.gz')) fs.writeFileSync(join(to, name.slice(0, -3)), gunzipSync(bytes));
    else fs.writeFileSync(join(to, name), bytes);
  }
}

/**
 * What $MLX5_CRYPTO_TEST_INFO names: wrapped values and data as lists of big-endian 64-bit numbers, plaintext keys as
 * lists of native 32-bit numbers. The expected data is that of OpenSSL.
 */
function infoFile({nic, kek}: TestDevice, swapped: boolean): string {
  const credential = dek(
    'credential',
    'wrap',
    `file:${nic.credentialFile}`,
    '--kek',
    `file:${nic.kekFile}`,
    '--format',
    'raw',
  );
  const keys = {key1: randomBytes(16), key2: randomBytes(16)};
  const given = swapped ? {key1: keys.key2, key2: keys.key1} : keys;
  const long = {key1: randomBytes(32), key2: randomBytes(32)};
  const encrypted = [0, 1].map((sector) => xts(keys, sector, Buffer.alloc(512, 'c')));
  const fields = {
    credential: numbers(credential),
    wrapped_key: numbers(Buffer.from(wrapDek(kek, given))),
    wrapped_256_bits_key: numbers(Buffer.from(wrapDek(kek, long))),
    plaintext_key: words(Buffer.concat([given.key1, given.key2])),
    plaintext_256_bits_key: words(Buffer.concat([long.key1, long.key2])),
    encrypted_data_for_512_c: numbers(encrypted[0]!),
    encrypted_data_for_1024_c: numbers(Buffer.concat(encrypted)),
  };
  const lines = Object.entries(fields).map(([name, values]) => `"${name}": [${values.join(', ')}]`);
  return `[{${lines.join(',\n')}}]\n`;
}

function dek(...args: string[]): Buffer {
  return execFileSync(process.execPath, [join(ROOT, 'bin/dek.cjs'), ...args], {stdio: ['ignore', 'pipe', 'ignore']});
}

function numbers(bytes: Buffer): bigint[] {
  return Array.from({length: bytes.length / 8}, (_, i) => bytes.readBigUInt64BE(8 * i));
}

function words(bytes: Buffer): number[] {
  return Array.from({length: bytes.length / 4}, (_, i) => bytes.readUInt32LE(4 * i));
}
