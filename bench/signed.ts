/**
 * What signatures cost: `dek manifest verify` beside `ssh-keygen -Y verify` of the same files, one signature alone, and
 * the start of `dek run` with a hundred thousand DEKs, unsigned, signed, and with a rollback index. All take turns.
 */
import {execFileSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {parseAllowedSigners} from '../src/manifest/signature/allowed-signers.js';
import {digestsOf} from '../src/manifest/signature/digests.js';
import {verifySignatures} from '../src/manifest/signature/verify.js';
import {createVirtual} from '../src/virtual/index.js';
import {type Measured, measurer, medians} from './measure.js';
import {median, table} from './stats.js';

const SIZES = [1, 10_000, 100_000];
const VERIFY_ROUNDS = 11;
const START_ROUNDS = 5;
const SIGNATURES = 300;
const DEK = fileURLToPath(new URL('../../bin/dek.cjs', import.meta.url));
const KEYS: Readonly<Record<string, readonly string[]>> = {
  Ed25519: ['-t', 'ed25519'],
  'ECDSA P-256': ['-t', 'ecdsa'],
  'RSA 3,072': ['-t', 'rsa', '-b', '3072'],
};

interface Cost {
  what: string;
  wallMs: number;
  cpuMs: number;
}

export interface SignedCosts {
  /** Medians from fork to exit, by the number of DEKs. */
  verify: {deks: number; dek: Cost; sshKeygen: Cost}[];
  /** Microseconds of one verification in this process, by the kind of the key. */
  signatureUs: Record<string, number>;
  /** Of `dek run --manifest` with 100,000 DEKs, from fork to exit. */
  starts: Cost[];
}

export async function benchSigned(): Promise<SignedCosts> {
  const folder = mkdtempSync(join(tmpdir(), 'dek-bench-'));
  try {
    const measure = await measurer(folder);
    const nic = await createVirtual(join(folder, 'nic'), {kekId: 1, credentialId: 2});
    const files = makeFiles(folder, nic.kekFile, nic.credentialFile);
    const {allowed, manifests} = files;
    const verify = [];
    for (const [i, path] of manifests.entries()) {
      const dek = [process.execPath, DEK, 'manifest', 'verify', path, '--allowed-signers', allowed];
      const ssh = `ssh-keygen -Y verify -f ${allowed} -I alice -n dek-manifest -s ${path}.sig < ${path}`;
      const [ours, theirs] = await turns(measure, VERIFY_ROUNDS, {dek, ssh: ['sh', '-c', ssh]});
      verify.push({deks: SIZES[i]!, dek: ours!, sshKeygen: theirs!});
    }
    const large = manifests.at(-1)!;
    const index = `file:${join(folder, 'index')}`;
    const signers = ['--allowed-signers', allowed];
    execFileSync(process.execPath, [DEK, 'rollback-index', 'enroll', index, large, ...signers], {stdio: 'pipe'});
    const run = (...flags: string[]): string[] => [
      process.execPath,
      DEK,
      'run',
      '--manifest',
      large,
      ...flags,
      '--',
      'true',
    ];
    Object.assign(process.env, nic.environment());
    const starts = await turns(measure, START_ROUNDS, {
      unsigned: run(),
      signed: run(...signers),
      'signed, with a rollback index': run(...signers, '--rollback-index', index),
    });
    return {verify, signatureUs: measureSignatures(folder, manifests[0]!), starts};
  } finally {
    rmSync(folder, {recursive: true});
  }
}

/** A key, who may sign, and a signed manifest of each size. */
function makeFiles(folder: string, kek: string, secret: string): {allowed: string; manifests: string[]} {
  const dek = (...args: string[]): void => void execFileSync(process.execPath, [DEK, ...args], {stdio: 'pipe'});
  const [key, allowed, credential] = [join(folder, 'key'), join(folder, 'allowed'), join(folder, 'credential')];
  makeKey(key, KEYS['Ed25519']!);
  writeFileSync(allowed, `alice ${readFileSync(`${key}.pub`, 'latin1')}`, {mode: 0o644});
  dek('credential', 'wrap', `file:${secret}`, '--kek', `file:${kek}`, '--output', credential);
  const header = ['--import-kek-id', '1', '--credential-id', '2', '--credential', credential];
  const manifests = SIZES.map((deks) => {
    const path = join(folder, `manifest-${deks}`);
    dek(
      'keygen',
      '--count',
      `${deks}`,
      '--name',
      'v-%d',
      '--keytag',
      '--kek',
      `file:${kek}`,
      ...header,
      '--output',
      path,
    );
    dek('manifest', 'sign', path, '--key', `file:${key}`);
    return path;
  });
  return {allowed, manifests};
}

function makeKey(path: string, kind: readonly string[]): void {
  execFileSync('ssh-keygen', ['-q', ...kind, '-N', '', '-f', path], {stdio: 'pipe'});
}

type Measure = Awaited<ReturnType<typeof measurer>>;

/** Medians; the first round does not count. */
async function turns(measure: Measure, rounds: number, commands: Record<string, string[]>): Promise<Cost[]> {
  const runs = Object.values(commands).map(() => [] as Measured[]);
  for (let round = -1; round < rounds; round++) {
    for (const [i, command] of Object.values(commands).entries()) {
      const measured = await measure(command);
      if (round >= 0) runs[i]!.push(measured);
    }
  }
  return Object.keys(commands).map((what, i) => ({what, ...medians(runs[i]!)}));
}

/** One signature, of a file that has been hashed already. */
function measureSignatures(folder: string, manifest: string): Record<string, number> {
  const digests = digestsOf(readFileSync(manifest));
  const costs: Record<string, number> = {};
  for (const [kind, args] of Object.entries(KEYS)) {
    const key = join(folder, `key-${randomBytes(4).toString('hex')}`);
    makeKey(key, args);
    const copy = `${key}.manifest`;
    writeFileSync(copy, readFileSync(manifest));
    execFileSync('ssh-keygen', ['-q', '-Y', 'sign', '-f', key, '-n', 'dek-manifest', copy], {stdio: 'pipe'});
    const signatures = readFileSync(`${copy}.sig`);
    const trust = {
      signers: parseAllowedSigners(Buffer.from(`alice ${readFileSync(`${key}.pub`, 'latin1')}`)),
      threshold: 1,
    };
    const times = Array.from({length: SIGNATURES}, () => {
      const started = performance.now();
      verifySignatures(signatures, 'dek-manifest', digests, trust, null);
      return 1000 * (performance.now() - started);
    });
    costs[kind] = median(times);
  }
  return costs;
}

export function renderSigned({verify, signatureUs, starts}: SignedCosts): string {
  const ms = (value: number): string => value.toFixed(0);
  const verified = verify.map(({deks, dek, sshKeygen}) => [
    `${deks}`,
    ...[dek, sshKeygen].flatMap(({wallMs, cpuMs}) => [ms(wallMs), ms(cpuMs)]),
    (dek.cpuMs / sshKeygen.cpuMs).toFixed(2),
  ]);
  const first = starts[0]!;
  const started = starts.map(({what, wallMs, cpuMs}) => [
    what,
    ms(wallMs),
    (wallMs / first.wallMs).toFixed(3),
    ms(cpuMs),
    (cpuMs / first.cpuMs).toFixed(3),
  ]);
  return [
    `verify, fork to exit, medians of ${VERIFY_ROUNDS} rounds`,
    table([['DEKs', 'dek, ms', 'CPU', 'ssh-keygen, ms', 'CPU', 'CPU ratio'], ...verified]),
    `one signature: ${Object.entries(signatureUs)
      .map(([kind, us]) => `${kind} ${us.toFixed(0)} us`)
      .join(', ')}`,
    `dek run --manifest with ${SIZES.at(-1)} DEKs, fork to exit, medians of ${START_ROUNDS} rounds`,
    table([['', 'ms', 'ratio', 'CPU, ms', 'ratio'], ...started]),
  ].join('\n');
}
