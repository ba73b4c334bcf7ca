/**
 * Whether a process still runs: its id may belong to another by now, which started later. When it was started only
 * those can read whom proc(5) shows it; then one that has its id counts as the process itself, so that nothing is taken
 * from one that runs.
 */
import {readFileSync} from 'node:fs';
import {systemCode} from '../../errors.js';

/** When it was started, in clock ticks after the boot, proc(5), stat, field 22; null when that cannot be read. */
export function startTimeOf(pid: number): string | null {
  return statOf(pid)?.startTime ?? null;
}

/** Whether process `pid`, which was started then if that is known, runs. */
export function isRunning(pid: number, startTime: string | null): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if (systemCode(error) === 'ESRCH') return false;
  }
  const stat = statOf(pid);
  return stat === undefined || (!stat.isDead && (startTime === null || stat.startTime === startTime));
}

function statOf(pid: number): {startTime: string; isDead: boolean} | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name of the program, in brackets, may have spaces and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return {startTime: fields[19]!, isDead: fields[0] === 'Z' || fields[0] === 'X'};
  } catch {
    return undefined;
  }
}
