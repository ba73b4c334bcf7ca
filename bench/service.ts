/**
 * What it costs a service that an agent makes its DEKs. Data: blocks through a DEK of its own, of an agent that it has
 * lent its context, and of an agent whose context it shares (service.c). Starts: from the start of the process to its
 * last DEK by lend and by attach, beside a C program that makes its own (fleet.c). The sides alternate.
 */
import {mkdtempSync, rmSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {createVirtual, type VirtualConnectX} from '../src/virtual/index.js';
import {SERVICE_PRESETS} from '../src/virtual/service.js';
import {wrapCredential} from '../src/wrap/index.js';
import {compile} from './compile.js';
import {CREDENTIAL_ID, IMPORT_KEK_ID, read, writeKeys} from './fleet.js';
import {Side} from './side.js';
import {median, table} from './stats.js';

const DEK = fileURLToPath(new URL('../../bin/dek.cjs', import.meta.url));
const CLIENT = fileURLToPath(new URL('../../client', import.meta.url));
const LIBRARY = [`-I${CLIENT}`, join(CLIENT, 'mlx5dek.c'), '-pthread', '-libverbs', '-lmlx5'];
const BLOCKS = 250;
const ROUNDS = 1001;
const SIDES = ['own', 'lend', 'attach'] as const;

type Firmware = 'none' | 'connectx-6dx';

const STARTS: readonly {road: 'lend' | 'attach'; deks: number; firmware: Firmware; rounds: number}[] = [
  {road: 'lend', deks: 10_000, firmware: 'connectx-6dx', rounds: 5},
  {road: 'attach', deks: 10_000, firmware: 'connectx-6dx', rounds: 5},
  {road: 'attach', deks: 100_000, firmware: 'none', rounds: 5},
];

export interface ServiceCosts {
  /** Nanoseconds a block, medians, and the median of the ratios of each round to `own`. */
  data: {side: (typeof SIDES)[number]; ns: number; ratio: number}[];
  starts: {
    road: 'lend' | 'attach';
    deks: number;
    firmware: Firmware;
    /** From the start of the process. */
    ownMs: number;
    ms: number;
    /** The lend or attach alone. */
    callMs: number;
    ratio: number;
  }[];
}

/** What all that is measured needs. */
interface Bench {
  readonly folder: string;
  readonly nic: VirtualConnectX;
  readonly kek: Uint8Array;
  readonly credential: Uint8Array;
  readonly service: string;
  readonly fleet: string;
}

export async function benchService(): Promise<ServiceCosts> {
  const folder = mkdtempSync(join(tmpdir(), 'dek-bench-'));
  try {
    const nic = await createVirtual(join(folder, 'nic'), {
      kekId: IMPORT_KEK_ID,
      credentialId: CREDENTIAL_ID,
      settings: {logMaxDeks: 18}, // the agent's 100,000 and those of the C program at once
    });
    const kek = await readFile(nic.kekFile);
    const bench = {
      folder,
      nic,
      kek,
      credential: wrapCredential(kek, await readFile(nic.credentialFile)),
      service: await compile('service.c', folder, ...LIBRARY),
      fleet: await compile('fleet.c', folder, '-libverbs', '-lmlx5'),
    };
    const data = await measureData(bench);
    const starts = [];
    for (const start of STARTS) starts.push(await measureStart(bench, start));
    return {data, starts};
  } finally {
    rmSync(folder, {recursive: true});
  }
}

/** An agent, READY. Its log is nobody's concern. */
async function startAgent({folder, nic}: Bench, road: 'lend' | 'attach', manifest: string) {
  const socket = join(folder, `${road}.sock`);
  const args = [DEK, 'agent', '--socket', socket, '--manifest', manifest, ...(road === 'lend' ? ['--lend'] : [])];
  const agent = new Side(process.execPath, args, nic.environment(), 'ignore');
  const [ready] = await agent.hear();
  if (ready !== 'READY') throw new Error('the agent is not ready');
  return {socket, end: () => agent.end()};
}

async function measureData(bench: Bench): Promise<ServiceCosts['data']> {
  const {folder, nic, kek, credential, service} = bench;
  const {flat, manifest} = await writeKeys(folder, kek, credential, 1);
  const agents = [await startAgent(bench, 'lend', manifest), await startAgent(bench, 'attach', manifest)] as const;
  const own = [hex(credential), `${CREDENTIAL_ID}`, `${IMPORT_KEK_ID}`, hex(await readFile(flat))];
  const args = {own, lend: [agents[0].socket], attach: [agents[1].socket]};
  const sides = SIDES.map((name) => new Side(service, [name, ...args[name]], nic.environment()));
  const found: number[][] = SIDES.map(() => []);
  try {
    for (const side of sides) await side.hear();
    for (let round = -2; round < ROUNDS; round++) {
      for (let turn = 0; turn < sides.length; turn++) {
        const i = (round + turn + 3) % sides.length; // each is the first as often as the others
        const [ns] = await sides[i]!.ask(`${BLOCKS}`);
        if (round >= 0) found[i]!.push(Number(ns) / BLOCKS);
      }
    }
  } finally {
    for (const side of sides) await side.end();
    for (const agent of agents) await agent.end();
  }
  return SIDES.map((side, i) => {
    const ratios = found[i]!.map((ns, round) => ns / found[0]![round]!);
    return {side, ns: median(found[i]!), ratio: median(ratios)};
  });
}

async function measureStart(bench: Bench, {road, deks, firmware, rounds}: (typeof STARTS)[number]) {
  const {folder, nic, kek, credential, service, fleet} = bench;
  const {flat, manifest} = await writeKeys(folder, kek, credential, deks);
  nic.set({serviceUs: SERVICE_PRESETS[firmware]!});
  const agent = await startAgent(bench, road, manifest);
  const [own, whole, calls] = [[] as number[], [] as number[], [] as number[]];
  try {
    for (let round = 0; round < rounds; round++) {
      const c = [fleet, flat, hex(credential), `${CREDENTIAL_ID}`, `${IMPORT_KEK_ID}`] as const;
      own.push((await read(c, nic.environment())).ms);
      const begun = process.hrtime.bigint();
      const side = new Side(service, [road, agent.socket], nic.environment());
      const [instant, call] = (await side.hear()).map(Number) as [number, number];
      whole.push((instant - Number(begun)) / 1e6);
      calls.push(call / 1e6);
      await side.end();
    }
  } finally {
    await agent.end();
  }
  const [ownMs, ms, callMs] = [median(own), median(whole), median(calls)];
  return {road, deks, firmware, ownMs, ms, callMs, ratio: ms / ownMs};
}

/** The rows as text. */
export function renderService({data, starts}: ServiceCosts): string {
  const blocks = data.map(({side, ns, ratio}) => [side, ns.toFixed(0), ratio.toFixed(3)]);
  const rows = starts.map(({road, deks, firmware, ownMs, ms, callMs, ratio}) => [
    road,
    `${deks}`,
    firmware,
    ownMs.toFixed(0),
    ms.toFixed(1),
    callMs.toFixed(1),
    ratio.toFixed(3),
  ]);
  return [
    `4,096 bytes through a DEK, 32 at a time, medians of ${ROUNDS} rounds of ${BLOCKS} blocks`,
    table([['whose DEK', 'ns a block', 'ratio'], ...blocks]),
    'process start to the last DEK, and the call alone, beside a C program that makes its own',
    table([['road', 'DEKs', 'firmware', 'C, ms', 'ms', 'call, ms', 'ratio'], ...rows]),
  ].join('\n');
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
