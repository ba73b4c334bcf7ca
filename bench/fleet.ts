/**
 * From the start of `dek run --manifest FILE -- CMD` to CMD's first instruction, when all DEKs are made, beside a C
 * program that does the least (fleet.c) and `node -e 0`, on one virtual ConnectX. The three alternate, so that what
 * else the machine does hits all.
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
import {SERVICE_PRESETS} from '../src/virtual/service.js';
import {keyCheckValue, wrapCredential, wrapKeys} from '../src/wrap/index.js';
import {compile} from './compile.js';
import {median, table} from './stats.js';

export const [CREDENTIAL_ID, IMPORT_KEK_ID] = [2, 1];
const PLAINTEXT_BYTES = 72;
const WRAPPED_BYTES = 80;
const DEK = fileURLToPath(new URL('../../bin/dek.cjs', import.meta.url));

/** The time that firmware needs for a command, one after the other, by the name of a preset. */
type Service = 'none' | 'connectx-6dx';

/** What is measured: how many DEKs, how slow the NIC, how often. */
const SETTINGS: readonly {deks: number; service: Service; rounds: number}[] = [
  {deks: 1_000, service: 'none', rounds: 5},
  {deks: 10_000, service: 'none', rounds: 5},
  {deks: 100_000, service: 'none', rounds: 3},
  {deks: 1_000, service: 'connectx-6dx', rounds: 5},
  {deks: 10_000, service: 'connectx-6dx', rounds: 5},
];

export interface FleetCost {
  deks: number;
  service: Service;
  rounds: number;
  /**
   * Medians, from the start of the process to its last DEK (C), to its end (node), to CMD's first instruction (dek).
   */
  cMs: number;
  nodeMs: number;
  dekMs: number;
  /** dekMs / (cMs + nodeMs): on firmware that answers at once, at most 1.5 is the target. */
  ratio: number;
  /** Firmware commands of a start of dek, beyond one a DEK: a constant. */
  moreCommands: number;
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
      nic.set({serviceUs: SERVICE_PRESETS[setting.service]!});
      const files = await writeKeys(folder, kek, credential, setting.deks);
      costs.push(await measure(fleet, files, setting));
    }
    return costs;
  } finally {
    rmSync(folder, {recursive: true});
  }
}

/** The same wrapped keys twice: flat for C, and as a manifest. */
export async function writeKeys(folder: string, kek: Uint8Array, credential: Uint8Array, deks: number) {
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
  {deks, service, rounds}: (typeof SETTINGS)[number],
): Promise<FleetCost> {
  const env = nic.environment();
  const sides = {
    c: [program, flat, credential, `${CREDENTIAL_ID}`, `${IMPORT_KEK_ID}`],
    node: [process.execPath, '-e', '0'],
    dek: [process.execPath, DEK, 'run', '--manifest', manifest, '--', mark],
  } as const;
  let moreCommands = 0;
  const found = {c: [] as Reading[], node: [] as Reading[], dek: [] as Reading[]};
  for (let round = 0; round < rounds; round++) {
    for (const side of ['c', 'node', 'dek'] as const) {
      const before = nic.show().total.commands;
      found[side].push(await read(sides[side], env));
      // The DEKs that it made are destroyed at its end, one by one.
      if (side === 'dek') moreCommands = nic.show().total.commands - before - 2 * deks;
    }
  }
  const ms = (readings: Reading[]): number => median(readings.map((reading) => reading.ms));
  const kib = (readings: Reading[]): number => median(readings.map((reading) => reading.kib));
  const [cMs, nodeMs, dekMs] = [ms(found.c), ms(found.node), ms(found.dek)];
  const ratio = dekMs / (cMs + nodeMs);
  return {deks, service, rounds, cMs, nodeMs, dekMs, ratio, moreCommands, cKib: kib(found.c), dekKib: kib(found.dek)};
}

interface Reading {
  ms: number;
  kib: number;
}

/** Runs a program. It tells the instant and the memory itself; `node -e 0` tells nothing, and its end counts. */
export async function read([file, ...args]: readonly [string, ...string[]], env: NodeJS.ProcessEnv): Promise<Reading> {
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
    cost.service,
    cost.cMs.toFixed(0),
    cost.nodeMs.toFixed(0),
    cost.dekMs.toFixed(0),
    cost.ratio.toFixed(2),
    `${cost.moreCommands}`,
    (cost.cKib / 1024).toFixed(0),
    (cost.dekKib / 1024).toFixed(0),
  ]);
  const heading = [
    'DEKs',
    'firmware',
    'C, ms',
    'node, ms',
    'dek, ms',
    'dek/(C+node)',
    'more commands',
    'C, MiB',
    'dek, MiB',
  ];
  const [few, , many, fewSlow, manySlow] = costs as readonly [FleetCost, FleetCost, FleetCost, FleetCost, FleetCost];
  const grown = many.dekKib - few.dekKib - (many.cKib - few.cKib);
  const usEach = ((manySlow.dekMs - fewSlow.dekMs) * 1000) / (manySlow.deks - fewSlow.deks);
  const createUs = SERVICE_PRESETS[manySlow.service]!.create;
  return [
    'process start to the first instruction of CMD, all DEKs made; ' +
      'virtual ConnectX, one firmware command after the other',
    table([heading, ...rows]),
    `bytes of resident memory a DEK, beyond C's: ${((grown * 1024) / (many.deks - few.deks)).toFixed(0)}`,
    `a DEK more costs ${usEach.toFixed(1)} us on ${manySlow.service}, whose create takes ${createUs} us: ` +
      `${((100 * createUs) / usEach).toFixed(0)} % of the ceiling`,
  ].join('\n');
}
