/** How long commands take to start and end, beside `node -e 0`: `--version`, `--help`, and `list` from a running agent. */
import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {createVirtual} from '../src/virtual/index.js';
import {median, table} from './stats.js';

const ROUNDS = 15;
const DEK = fileURLToPath(new URL('../../bin/dek.cjs', import.meta.url));

export interface StartupCost {
  command: string;
  /** Median over the rounds, from fork to exit. */
  ms: number;
  /** ms / that of `node -e 0` */
  ratio: number;
}

/** Measures, and returns a row for each command; `node -e 0` first. */
export async function benchStartup(): Promise<StartupCost[]> {
  const folder = mkdtempSync(join(tmpdir(), 'dek-bench-'));
  let agent: ChildProcess | undefined;
  try {
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

    const commands: [string, string[]][] = [
      ['node -e 0', ['-e', '0']],
      ['dek --version', [DEK, '--version']],
      ['dek --help', [DEK, '--help']],
      ['dek list', [DEK, 'list', '--socket', socket]],
    ];
    const times = commands.map(() => [] as number[]);
    for (let round = -1; round < ROUNDS; round++) {
      for (const [i, [title, args]] of commands.entries()) {
        const start = performance.now();
        const {status, stderr} = spawnSync(process.execPath, args);
        const ms = performance.now() - start;
        if (status !== 0) throw new Error(`${title} exited ${status}: ${stderr}`);
        if (round >= 0) times[i]!.push(ms);
      }
    }
    const floor = median(times[0]!);
    return commands.map(([command], i) => ({command, ms: median(times[i]!), ratio: median(times[i]!) / floor}));
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
  const rows = costs.map(({command, ms, ratio}) => [command, ms.toFixed(0), ratio.toFixed(2)]);
  return `start to exit, medians of ${ROUNDS} rounds\n${table([['command', 'ms', 'ratio'], ...rows])}`;
}
