/** Runs a program of Node and searches its memory when it is done and its process has not ended yet. */
import {type ChildProcess, spawn} from 'node:child_process';
import fs from 'node:fs';
import {until} from '../until.js';
import {type Hit, type Mapping, type Needle, searchMemory} from './memory.js';

const PRELOAD = new URL('./stop-at-exit.js', import.meta.url).href;

/** Waits until the kernel has stopped `child`: proc(5), the state in /proc/PID/stat. */
async function stopped(child: ChildProcess): Promise<void> {
  await until(() => {
    if (child.exitCode !== null) throw new Error(`node ended (${child.exitCode}) before it stopped`);
    const state = fs.readFileSync(`/proc/${child.pid}/stat`, 'utf8').replace(/^.*\) /s, '')[0];
    return state === 'T';
  });
}

/** Program files that are mapped without write access hold nothing that came later. */
export function isProgramText({path, permissions}: Mapping): boolean {
  return path.startsWith('/') && !permissions.includes('w');
}

/** Runs node with `args`, searches its memory when it is done, then lets it exit. */
export async function searchAfter(
  args: string[],
  input: Uint8Array,
  needles: () => Needle[] | Promise<Needle[]>,
  {env = process.env, skip = isProgramText}: {env?: NodeJS.ProcessEnv; skip?: (mapping: Mapping) => boolean} = {},
): Promise<{hits: Hit[]; status: number | null}> {
  const child = spawn(process.execPath, ['--import', PRELOAD, ...args], {stdio: ['pipe', 'pipe', 'ignore'], env});
  child.stdin!.end(input);
  child.stdout!.resume();
  try {
    await stopped(child);
    const hits = searchMemory(child.pid!, await needles(), {skip});
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    child.kill('SIGCONT');
    return {hits, status: await ended};
  } finally {
    child.kill('SIGKILL');
  }
}
