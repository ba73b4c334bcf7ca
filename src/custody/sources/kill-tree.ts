/** Ends a program that was started for a source, and what it has started: proc(5), /proc/PID/stat. */
import fs from 'node:fs';

/** Sends `signal` to the process `pid`, which is still there, and to all that descend from it, as far as is seen. */
export function killTree(pid: number, signal: NodeJS.Signals): void {
  const parents = parentsOfAll();
  const tree = [pid];
  for (const one of tree) tree.push(...[...parents].filter(([, parent]) => parent === one).map(([child]) => child));
  for (const one of tree) {
    try {
      process.kill(one, signal);
    } catch {
      // It has ended by itself.
    }
  }
}

function parentsOfAll(): Map<number, number> {
  const parents = new Map<number, number>();
  for (const name of fs.readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // The name of the program, which may have any characters, stands in parentheses before it.
      const [, parent] = /^.*\) \S (\d+) /s.exec(fs.readFileSync(`/proc/${name}/stat`, 'latin1')) ?? [];
      parents.set(Number(name), Number(parent));
    } catch {
      // It has ended since the directory was read.
    }
  }
  return parents;
}
