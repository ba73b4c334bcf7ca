/** Runs whole commands, and tells their time and memory. */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import {closeSync, openSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {text} from 'node:stream/consumers';
import {compile} from './compile.js';
import {median} from './stats.js';

export interface Measured {
  /** From fork to exit. */
  wallMs: number;
  /** User and system, of the command and all it waited for. */
  cpuMs: number;
  /** The most that was resident, of the largest of its processes. */
  peakKib: number;
}

export type Measure = (command: readonly string[], options?: {stdout?: string}) => Promise<Measured>;

/** Returns what measures commands; it keeps its files in `folder`. Output goes to the file `stdout`, or nowhere. */
export async function measurer(folder: string): Promise<Measure> {
  const program = await compile('measure.c', folder);
  const report = join(folder, 'measured');
  return async (command, {stdout = '/dev/null'} = {}) => {
    const output = openSync(stdout, 'w', 0o600);
    try {
      const child = spawn(program, [report, ...command], {stdio: ['ignore', output, 'pipe']});
      const [errors, [status]] = await Promise.all([text(child.stderr!), once(child, 'exit')]);
      if (status !== 0) throw new Error(`${command.join(' ')} exited ${status}: ${errors}`);
    } finally {
      closeSync(output);
    }
    const [wallNs = 0, cpuNs = 0, peakKib = 0] = readFileSync(report, 'utf8').split(' ').map(Number);
    return {wallMs: wallNs / 1e6, cpuMs: cpuNs / 1e6, peakKib};
  };
}

/** The medians of several runs. */
export function medians(runs: readonly Measured[]): Measured {
  const of = (name: keyof Measured): number => median(runs.map((run) => run[name]));
  return {wallMs: of('wallMs'), cpuMs: of('cpuMs'), peakKib: of('peakKib')};
}
