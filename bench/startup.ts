/**
 * How long commands take from fork to exit, beside `node -e 0`: of `dek wrap` one key, of `dek list` a running agent.
 */
import {type ChildProcess, spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import {mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {createVirtual} from '../src/virtual/index.js';
import {type Measured, measurer, medians} from './measure.js';
import {table} from './stats.js';

const ROUNDS = 31;
const DEK = fileURLToPath(new URL('../../bin/dek.cjs', import.meta.url));

export interface StartupCost {
  command: string;
  /** Medians over the rounds, from fork to exit, and of CPU. */
  wallMs: number;
  cpuMs: number;
  /** Beside those of `node -e 0`. */
  wallRatio: number;
  cpuRatio: number;
}

/** Measures, and returns a row for each command; `node -e 0` first. */
export async function benchStartup(): Promise<StartupCost[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dek-bench-'));
  let agent: ChildProcess | undefined;
  try {
    const measure = await measurer(folder);
    const nic = await createVirtual(join(folder, 'nic'));
    const socket = join(folder, 'agent.sock');
    agent = spawn(process.execPath, [DEK, 'agent', '--socket', socket], {
      env: nic.environment(),
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const ready = await Promise.race([
      once(agent.stdout!, 'data').then(() => true),
      once(agent, 'exit').then(() => false),
    ]);
    if (!ready) throw new Error('dek agent did not start');
    const [kek, key] = [join(folder, 'kek'), join(folder, 'key')];
    writeFileSync(kek, randomBytes(32), {mode: 0o600});
    writeFileSync(key, randomBytes(72), {mode: 0o600});

    const commands: [string, string[]][] = [
      ['node -e 0', ['-e', '0']],
      ['dek --version', [DEK, '--version']],
      ['dek --help', [DEK, '--help']],
      ['dek wrap', [DEK, 'wrap', `file:${key}`, '--kek', `file:${kek}`]],
      ['dek list', [DEK, 'list', '--socket', socket]],
    ];
    const runs = commands.map(() => [] as Measured[]);
    for (let round = -1; round < ROUNDS; round++) {
      for (const [i, [, args]] of commands.entries()) {
        const measured = await measure([process.execPath, ...args]);
        if (round >= 0) runs[i]!.push(measured);
      }
    }
    const floor = medians(runs[0]!);
    return commands.map(([command], i) => {
      const {wallMs, cpuMs} = medians(runs[i]!);
      return {command, wallMs, cpuMs, wallRatio: wallMs / floor.wallMs, cpuRatio: cpuMs / floor.cpuMs};
    });
  } finally {
    if (agent !== undefined && agent.exitCode === null) {
      agent.kill();
      await once(agent, 'exit');
    }
    rmSync(folder, {recursive: true});
  }
}

/** The rows as text. */
export function renderStartup(costs: readonly StartupCost[]): string {
  const rows = costs.map(({command, wallMs, wallRatio, cpuMs, cpuRatio}) => [
    command,
    wallMs.toFixed(0),
    wallRatio.toFixed(2),
    cpuMs.toFixed(0),
    cpuRatio.toFixed(2),
  ]);
  const heading = ['command', 'ms', 'ratio', 'CPU, ms', 'ratio'];
  return `fork to exit, medians of ${ROUNDS} interleaved rounds\n${table([heading, ...rows])}`;
}
