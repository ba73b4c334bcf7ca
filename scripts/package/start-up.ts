/**
 * Measures commands beside each other, by turns, and prints a row for each as `scripts/package/table.ts` takes it:
 *
 *     start-up.js NAME=FILE...
 *
 * A FILE that is a Node.js runs `-e 0`, the first of them is what the others are compared with; any other is dek, which
 * runs `--version`, and `list` of an agent without DEKs.
 */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {mkdtempSync, rmSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {basename, join} from 'node:path';
import {type Measured, measurer, medians} from '../../bench/measure.js';

const ROUNDS = 31;

const installed = process.argv.slice(2).map((word) => word.split('=') as [name: string, file: string]);
const folder = mkdtempSync(join(tmpdir(), 'dek-start-up-'));
const socket = join(folder, 'agent.sock');
const commands = installed.flatMap(([name, file]): [string, string[]][] =>
  basename(file) === 'node'
    ? [[`${name}, node -e 0`, [file, '-e', '0']]]
    : [
        [`${name}, dek --version`, [file, '--version']],
        [`${name}, dek list`, [file, 'list', '--socket', socket]],
      ],
);
const measure = await measurer(folder);
const agent = await startAgent(installed.at(-1)![1]);
const runs = commands.map(() => [] as Measured[]);
for (let round = -1; round < ROUNDS; round++) {
  for (const [i, [, command]] of commands.entries()) {
    const measured = await measure(command);
    if (round >= 0) runs[i]!.push(measured); // the first finds files in no cache
  }
}
agent.kill();
await once(agent, 'exit');
rmSync(folder, {recursive: true});

const [base] = runs.map(medians);
for (const [i, [name]] of commands.entries()) {
  const {wallMs, cpuMs} = medians(runs[i]!);
  const [wall, cpu] = [wallMs / base!.wallMs, cpuMs / base!.cpuMs];
  console.log(`${name}: ${wallMs.toFixed(0)} ms | ${wall.toFixed(2)} | ${cpuMs.toFixed(0)} ms | ${cpu.toFixed(2)}`);
}

/** An agent on a virtual ConnectX, which is READY. */
async function startAgent(dek: string): Promise<ReturnType<typeof spawn>> {
  await once(spawn(dek, ['virtual', 'create', join(folder, 'nic')], {stdio: 'ignore'}), 'exit');
  const args = ['virtual', 'exec', join(folder, 'nic'), '--', dek, 'agent', '--socket', socket];
  const child = spawn(dek, args, {stdio: ['ignore', 'pipe', 'inherit']});
  await Promise.race([
    once(child.stdout!, 'data'),
    once(child, 'exit').then(() => Promise.reject(new Error('the agent did not start'))),
  ]);
  return child;
}
