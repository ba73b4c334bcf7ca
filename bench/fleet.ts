/**
 * From the start of `dek run --manifest FILE -- CMD` to CMD's first instruction, when all DEKs are READY, beside a C program
 * that does the least (fleet.c) and `node -e 0`, on one virtual ConnectX. The three alternate, so that what else the
 * machine does hits all.
 */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {createWriteStream, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {fileURLToPath} from 'node:url';
import {type ManifestDek, writeManifest} from '../src/manifest/index.js';
import {createVirtual, type VirtualConnectX} from '../src/virtual/index.js';
import {keyCheckValue, wrapCredential, wrapKeys} from '../src/wrap/index.js';
import {compile} from './compile.js';
import {median, table} from './stats.js';

const [CREDENTIAL_ID, IMPORT_KEK_ID] = [2, 1];
const PLAINTEXT_BYTES = 72;
const WRAPPED_BYTES = 80;
const DEK = fileURLToPath(new URL('../../bin/dek.cjs', import.meta.url));

/** What is measured: how many DEKs, how slow the NIC, how often. */
const SETTINGS = [
  {deks: 1_000, latencyUs: 0, rounds: 5},
  {deks: 10_000, latencyUs: 0, rounds: 5},
  {deks: 100_000, latencyUs: 0, rounds: 3},
  {deks: 10_000, latencyUs: 100, rounds: 3},
] as const;

export interface FleetCost {
  deks: number;
  /** Of a firmware command; 16 run at once. */
  latencyUs: number;
  rounds: number;
  /** Medians, from the start of the process to the last DEK READY (C), to its end (node), to CMD's first instruction (dek). */
  cMs: number;
  nodeMs: number;
  dekMs: number;
  /** dekMs / (cMs + nodeMs), the target of a NIC without latency: at most 1.5. */
  ratio: number;
  /** cMs / dekMs, the target of a NIC with latency: at least 8. */
  speedup: number;
  /** Resident memory at that instant, medians. */
  cKib: number;
  dekKib: number;
}

interface Fleet {
  readonly nic: VirtualConnectX;
  readonly program: string;
  readonly mark: string;
  readonly credential: string;
}

/** Measures, and returns a row for each setting. */
export async function benchFleet(): Promise<FleetCost[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dek-bench-'));
  try {
    const nic = await createVirtual(join(folder, 'nic'), {
      kekId: IMPORT_KEK_ID,
      credentialId: CREDENTIAL_ID,
      settings: {parallel: 16},
    });
    const kek = await readFile(nic.kekFile);
    const credential = wrapCredential(kek, await readFile(nic.credentialFile));
    const fleet = {
      nic,
      program: await compile('fleet.c', folder, '-libverbs', '-lmlx5'),
      mark: await compile('mark.c', folder),
      credential: Buffer.from(credential).toString('hex'),
    };
    const costs: FleetCost[] = [];
    for (const setting of SETTINGS) {
      await nic.set({latencyUs: setting.latencyUs});
      const files = await writeKeys(folder, kek, credential, setting.deks);
      costs.push(await measure(fleet, files, setting));
    }
    return costs;
  } finally {
    rmSync(folder, {recursive: true});
  }
}

/** The same wrapped keys twice: flat for C, and as a manifest. */
async function writeKeys(folder: string, kek: Uint8Array, credential: Uint8Array, deks: number) {
  const [flat, manifest] = [join(folder, 'keys'), join(folder, 'manifest')];
  const plaintexts = new Uint8Array(deks * PLAINTEXT_BYTES);
  for (let i = 0; i < deks; i++) new DataView(plaintexts.buffer).setUint32(i * PLAINTEXT_BYTES, i + 1);
  const wrapped = wrapKeys(kek, plaintexts, PLAINTEXT_BYTES);
  writeFileSync(flat, wrapped);
  const entries = Array.from({length: deks}, (_, i): ManifestDek => {
    const key = wrapped.subarray(i * WRAPPED_BYTES, (i + 1) * WRAPPED_BYTES);
    return {name: `vol-${i}`, keySize: 256, keytag: true, opaque: new Uint8Array(), wrapped: key};
  });
  const login = {importKekId: IMPORT_KEK_ID, credentialId: CREDENTIAL_ID, credential};
  const header = {devices: [], importKekKcv: keyCheckValue(kek), login};
  await pipeline(Readable.from(writeManifest(header, entries)), createWriteStream(manifest));
  return {flat, manifest};
}

async function measure(
  {nic, program, mark, credential}: Fleet,
  {flat, manifest}: {flat: string; manifest: string},
  {deks, latencyUs, rounds}: (typeof SETTINGS)[number],
): Promise<FleetCost> {
  const env = nic.environment();
  const sides = {
    c: [program, flat, credential, `${CREDENTIAL_ID}`, `${IMPORT_KEK_ID}`],
    node: [process.execPath, '-e', '0'],
    dek: [process.execPath, DEK, 'run', '--manifest', manifest, '--', mark],
  } as const;
  const found = {c: [] as Reading[], node: [] as Reading[], dek: [] as Reading[]};
  for (let round = 0; round < rounds; round++) {
    for (const side of ['c', 'node', 'dek'] as const) found[side].push(await read(sides[side], env));
  }
  const ms = (readings: Reading[]): number => median(readings.map((reading) => reading.ms));
  const kib = (readings: Reading[]): number => median(readings.map((reading) => reading.kib));
  const [cMs, nodeMs, dekMs] = [ms(found.c), ms(found.node), ms(found.dek)];
  const [ratio, speedup] = [dekMs / (cMs + nodeMs), cMs / dekMs];
  return {deks, latencyUs, rounds, cMs, nodeMs, dekMs, ratio, speedup, cKib: kib(found.c), dekKib: kib(found.dek)};
}

interface Reading {
  ms: number;
  kib: number;
}

/** Runs a program. It tells the instant and the memory itself; `node -e 0` tells nothing, and its end counts. */
async function read([file, ...args]: readonly [string, ...string[]], env: NodeJS.ProcessEnv): Promise<Reading> {
  const start = process.hrtime.bigint();
  const child = spawn(file, args, {env, stdio: ['ignore', 'pipe', 'inherit']});
  let told = '';
  child.stdout.on('data', (chunk) => {
    told += chunk;
  });
  const end = once(child, 'exit').then(([status]) => ({status, at: process.hrtime.bigint()}));
  await once(child, 'close');
  const {status, at} = await end;
  if (status !== 0) throw new Error(`${file} ${args[0]} exited ${status}`);
  const [instant = Number(at), kib = 0] = told === '' ? [] : told.split(' ').map(Number);
  return {ms: (instant - Number(start)) / 1e6, kib};
}

/** The rows as text. */
export function renderFleet(costs: readonly FleetCost[]): string {
  const rows = costs.map((cost) => [
    `${cost.deks}`,
    `${cost.latencyUs}`,
    cost.cMs.toFixed(0),
    cost.nodeMs.toFixed(0),
    cost.dekMs.toFixed(0),
    cost.ratio.toFixed(2),
    cost.speedup.toFixed(2),
    (cost.cKib / 1024).toFixed(0),
    (cost.dekKib / 1024).toFixed(0),
  ]);
  const heading = [
    'DEKs',
    'latency, us',
    'C, ms',
    'node, ms',
    'dek, ms',
    'dek/(C+node)',
    'C/dek',
    'C, MiB',
    'dek, MiB',
  ];
  const [few, many] = [costs[0]!, costs[2]!];
  const grown = many.dekKib - few.dekKib - (many.cKib - few.cKib);
  return [
    'process start to the first instruction of CMD, all DEKs READY; virtual ConnectX, 16 firmware commands at once',
    table([heading, ...rows]),
    `bytes of resident memory a DEK, beyond C's: ${((grown * 1024) / (many.deks - few.deks)).toFixed(0)}`,
  ].join('\n');
}
