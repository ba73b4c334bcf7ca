/**
 * What proofs cost: how many a second an agent makes of the DEKs of a manifest, and what the start of `dek run` takes
 * with `--prove` and with a sample, beside one without. One virtual ConnectX; the starts take turns.
 */
import {type ChildProcess, spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {createWriteStream, mkdtempSync, rmSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {Readable} from 'node:stream';
import {pipeline} from 'node:stream/promises';
import {fileURLToPath} from 'node:url';
import {connectAgent} from '../src/agent/client.js';
import {type ManifestDek, newEdition, writeManifest} from '../src/manifest/index.js';
import {createVirtual, type VirtualConnectX} from '../src/virtual/index.js';
import {dcvHints, dekCheckValue, keyCheckValue, wrapCredential, wrapKeys} from '../src/wrap/index.js';
import {compile} from './compile.js';
import {read} from './fleet.js';
import {median, table} from './stats.js';

const [CREDENTIAL_ID, IMPORT_KEK_ID] = [2, 1];
const PLAINTEXT_BYTES = 72;
const WRAPPED_BYTES = 80;
const DEKS = 10_000;
const ROUNDS = 5;
const DEK = fileURLToPath(new URL('../../bin/dek.cjs', import.meta.url));

export interface ProveCost {
  deks: number;
  rounds: number;
  /** Medians: proofs a second by `POST /v1/prove`, and the CPU time of the agent for one, of all its threads. */
  proofsPerSecond: number;
  cpuUs: number;
  /** From the start of `dek run` to CMD's first instruction, medians. */
  startMs: number;
  proveMs: number;
  shareMs: number;
}

/** Measures. */
export async function benchProve(): Promise<ProveCost> {
  const folder = mkdtempSync(join(tmpdir(), 'dek-bench-'));
  try {
    const nic = await createVirtual(join(folder, 'nic'), {kekId: IMPORT_KEK_ID, credentialId: CREDENTIAL_ID});
    const manifest = join(folder, 'manifest');
    await writeKeys(nic, manifest);
    const speed = await measureProofs(nic, manifest, join(folder, 'agent.sock'));
    return {deks: DEKS, rounds: ROUNDS, ...speed, ...(await measureStarts(nic, manifest, folder))};
  } finally {
    rmSync(folder, {recursive: true});
  }
}

async function writeKeys(nic: VirtualConnectX, manifest: string): Promise<void> {
  const kek = await readFile(nic.kekFile);
  const credential = wrapCredential(kek, await readFile(nic.credentialFile));
  const plaintexts = new Uint8Array(randomBytes(DEKS * PLAINTEXT_BYTES));
  const wrapped = wrapKeys(kek, plaintexts, PLAINTEXT_BYTES);
  const entries = Array.from({length: DEKS}, (_, i): ManifestDek => {
    const plaintext = plaintexts.subarray(i * PLAINTEXT_BYTES, (i + 1) * PLAINTEXT_BYTES);
    return {
      name: `vol-${i}`,
      keySize: 256,
      keytag: true,
      opaque: new Uint8Array(),
      keytagValue: plaintext.slice(-8),
      dcv: dekCheckValue(plaintext),
      dcvHints: dcvHints(plaintext),
      wrapped: wrapped.subarray(i * WRAPPED_BYTES, (i + 1) * WRAPPED_BYTES),
    };
  });
  const login = {importKekId: IMPORT_KEK_ID, credentialId: CREDENTIAL_ID, credential};
  const header = {edition: newEdition(), devices: [], importKekKcv: keyCheckValue(kek), login};
  await pipeline(Readable.from(writeManifest(header, entries)), createWriteStream(manifest));
}

async function measureProofs(
  nic: VirtualConnectX,
  manifest: string,
  socket: string,
): Promise<Pick<ProveCost, 'proofsPerSecond' | 'cpuUs'>> {
  const args = [DEK, 'agent', '--manifest', manifest, '--socket', socket];
  const agent = spawn(process.execPath, args, {env: nic.environment(), stdio: ['ignore', 'pipe', 'ignore']});
  try {
    await once(agent.stdout, 'data'); // READY
    const client = await connectAgent(socket);
    const [perSecond, cpuUs] = [[] as number[], [] as number[]];
    for (let round = 0; round < ROUNDS; round++) {
      const [start, cpu] = [performance.now(), await cpuMsOf(agent)];
      const proofs = await client.proveDeks({all: true});
      if (proofs.some(({verdict}) => verdict !== 'ok')) throw new Error('a DEK is wrong');
      perSecond.push((1000 * proofs.length) / (performance.now() - start));
      cpuUs.push((1000 * ((await cpuMsOf(agent)) - cpu)) / proofs.length);
    }
    return {proofsPerSecond: median(perSecond), cpuUs: median(cpuUs)};
  } finally {
    agent.kill();
    await once(agent, 'exit');
  }
}

/** User and system, of all threads: proc(5), fields 14 and 15 of stat, in hundredths of a second. */
async function cpuMsOf({pid}: ChildProcess): Promise<number> {
  const fields = (await readFile(`/proc/${pid}/stat`, 'latin1')).split(') ')[1]!.split(' ');
  return 10 * (Number(fields[11]) + Number(fields[12]));
}

async function measureStarts(
  nic: VirtualConnectX,
  manifest: string,
  folder: string,
): Promise<Pick<ProveCost, 'startMs' | 'proveMs' | 'shareMs'>> {
  const mark = await compile('mark.c', folder);
  const sides = {start: [], prove: ['--prove'], share: ['--prove-share', '1%']} as const;
  const found = {start: [] as number[], prove: [] as number[], share: [] as number[]};
  for (let round = 0; round < ROUNDS; round++) {
    for (const [side, flags] of Object.entries(sides) as ['start' | 'prove' | 'share', readonly string[]][]) {
      const command = [process.execPath, DEK, 'run', '--manifest', manifest, ...flags, '--', mark] as const;
      found[side].push((await read(command, nic.environment())).ms);
    }
  }
  return {startMs: median(found.start), proveMs: median(found.prove), shareMs: median(found.share)};
}

/** The figures as text. */
export function renderProve(cost: ProveCost): string {
  const {deks, proofsPerSecond, cpuUs, startMs, proveMs, shareMs} = cost;
  const row = (what: string, ms: number): string[] => [what, ms.toFixed(0), (ms / startMs).toFixed(2)];
  return [
    `${deks} DEKs of 256 bits with keytag on a virtual ConnectX: ${proofsPerSecond.toFixed(0)} proofs a second, ` +
      `${cpuUs.toFixed(0)} us of CPU each`,
    table([
      ['from the start of dek run to CMD', 'ms', 'times'],
      row('without proofs', startMs),
      row('--prove', proveMs),
      row('--prove-share 1%', shareMs),
    ]),
  ].join('\n');
}
