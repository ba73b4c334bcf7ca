/**
 * What the bindings cost: create, query and destroy of 10,000 DEKs through them, beside the same loop in C (calls.c), on
 * one virtual ConnectX without latency. Rounds of the two alternate, so that what else the machine does hits both.
 */
import {type ChildProcess, execFile, spawn} from 'node:child_process';
import {mkdtempSync, rmSync} from 'node:fs';
import {readFile} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import {createVirtual} from '../src/virtual/index.js';
import {wrapCredential, wrapKey} from '../src/wrap/index.js';
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
  const folder = mkdtempSync(join(tmpdir(), 'dek-bench-'));
  const sides: Side[] = [];
  try {
    const program = join(folder, 'calls');
    const source = fileURLToPath(new URL('../../bench/calls.c', import.meta.url));
    await promisify(execFile)('cc', ['-O2', '-o', program, source, '-libverbs', '-lmlx5']);
    const nic = await createVirtual(join(folder, 'nic'), {kekId: 1, credentialId: 2});
    const kek = await readFile(nic.kekFile);
    const credential = wrapCredential(kek, await readFile(nic.credentialFile));
    const key = wrapKey(
      kek,
      Uint8Array.from({length: 72}, (_, i) => i),
    );
    const args = [hex(credential), '2', '1', hex(key), `${DEKS}`];
    const env = nic.environment();
    const peer = fileURLToPath(new URL('calls-bindings.js', import.meta.url));
    sides.push(new Side(spawn(program, args, {env, stdio: ['pipe', 'pipe', 'inherit']})));
    sides.push(new Side(spawn(process.execPath, [peer, ...args], {env, stdio: ['pipe', 'pipe', 'inherit']})));

    const [c, bindings] = [[] as number[][], [] as number[][]];
    for (let round = -2; round < ROUNDS; round++) {
      const times = [await sides[0]!.round(), await sides[1]!.round()] as const;
      if (round < 0) continue; // compiles, fills caches
      c.push(times[0]);
      bindings.push(times[1]);
    }
    return CALLS.map((call, i) => {
      const [cNs, bindingsNs] = [median(c.map((times) => times[i]!)), median(bindings.map((times) => times[i]!))];
      return {call, cNs, bindingsNs, ratio: bindingsNs / cNs};
    });
  } finally {
    for (const side of sides) side.stop();
    rmSync(folder, {recursive: true});
  }
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
  return `${DEKS} DEKs a round, medians of ${ROUNDS} rounds, virtual ConnectX without latency\n${table([heading, ...rows])}`;
}

/** One of the two programs: a line in is a round, a line out its three times. */
class Side {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(child: ChildProcess) {
    this.#process = child;
    this.#lines = createInterface({input: child.stdout!})[Symbol.asyncIterator]();
  }

  async round(): Promise<number[]> {
    this.#process.stdin!.write('round\n');
    const {value, done} = await this.#lines.next();
    if (done) throw new Error('one side of the bench ended');
    return (value as string).split(' ').map(Number);
  }

  stop(): void {
    this.#process.stdin!.end();
  }
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
