/**
 * What the bindings cost: create, query and destroy of 10,000 DEKs through them, beside the same loop in C (calls.c),
 * on one virtual ConnectX without latency. Rounds of the two alternate, so that what else the machine does hits both.
 */
import {mkdtempSync, rmSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {createVirtual, type Settings} from '../src/virtual/index.js';
import {wrapCredential, wrapKey} from '../src/wrap/index.js';
import {compile} from './compile.js';
import {Side} from './side.js';
import {median, table} from './stats.js';

const DEKS = 10_000;
const ROUNDS = 15;
const CALLS = ['create', 'query', 'destroy'] as const;

export interface CallCost {
  call: (typeof CALLS)[number];
  /** Medians over the rounds, in nanoseconds a call. */
  cNs: number;
  bindingsNs: number;
  /** bindingsNs / cNs */
  ratio: number;
}

/** Measures, and returns a row for each call. */
export async function benchCalls(): Promise<CallCost[]> {
  return withSides({deks: DEKS}, async (cSide, bindingsSide) => {
    const [c, bindings] = [[] as number[][], [] as number[][]];
    for (let run = -2; run < ROUNDS; run++) {
      const times = [await round(cSide), await round(bindingsSide)] as const;
      if (run < 0) continue; // compiles, fills caches
      c.push(times[0]);
      bindings.push(times[1]);
    }
    return CALLS.map((call, i) => {
      const [cNs, bindingsNs] = [median(c.map((times) => times[i]!)), median(bindings.map((times) => times[i]!))];
      return {call, cNs, bindingsNs, ratio: bindingsNs / cNs};
    });
  });
}

export interface SidesOptions {
  /** DEKs a round. */
  deks: number;
  settings?: Settings;
  /** Whether the bindings work on many at once. */
  concurrent?: boolean;
}

/** Starts the two programs on a new virtual ConnectX, and ends them when `use` is done. */
export async function withSides<T>(
  {deks, settings = {}, concurrent = false}: SidesOptions,
  use: (c: Side, bindings: Side) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'dek-bench-'));
  const sides: Side[] = [];
  try {
    const program = await compile('calls.c', folder, '-libverbs', '-lmlx5');
    const nic = await createVirtual(join(folder, 'nic'), {kekId: 1, credentialId: 2, settings});
    const kek = await readFile(nic.kekFile);
    const credential = wrapCredential(kek, await readFile(nic.credentialFile));
    const key = wrapKey(
      kek,
      Uint8Array.from({length: 72}, (_, i) => i),
    );
    const args = [hex(credential), '2', '1', hex(key), `${deks}`];
    const env = {...nic.environment(), UV_THREADPOOL_SIZE: '16'};
    const peer = [fileURLToPath(new URL('calls-bindings.js', import.meta.url)), ...args];
    if (concurrent) peer.push('concurrent');
    sides.push(new Side(program, args, env), new Side(process.execPath, peer, env));
    return await use(sides[0]!, sides[1]!);
  } finally {
    for (const side of sides) side.stop();
    rmSync(folder, {recursive: true});
  }
}

/** A round of one side: nanoseconds a call. */
export async function round(side: Side): Promise<number[]> {
  return (await side.ask('round')).map(Number);
}

/** The rows as text. */
export function renderCalls(costs: readonly CallCost[]): string {
  const rows = costs.map(({call, cNs, bindingsNs, ratio}) => [
    call,
    cNs.toFixed(0),
    bindingsNs.toFixed(0),
    ratio.toFixed(2),
    (bindingsNs - cNs).toFixed(0),
  ]);
  const heading = ['call', 'C, ns', 'bindings, ns', 'ratio', 'added, ns'];
  const title = `${DEKS} DEKs a round, medians of ${ROUNDS} rounds, virtual ConnectX without latency`;
  return `${title}\n${table([heading, ...rows])}`;
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
