/** The processes with simulated hosts (hosts.ts), and what they tell all together. */
import {type ChildProcess, fork} from 'node:child_process';
import os from 'node:os';
import {setTimeout as pause} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {cpuSeconds} from './readings.js';

const HOSTS = fileURLToPath(new URL('./hosts.js', import.meta.url));
const HOSTS_A_PROCESS = 1250;
/** V8's young generation, MiB: with a small one it would copy again and again what so many hosts wait for at once. */
const SEMI_SPACE = ['--max-semi-space-size=64', '--min-semi-space-size=16'];

interface Seen {
  readonly connected: number;
  /** Tries that the store did not answer in time. */
  readonly failed: number;
  readonly holds: readonly (readonly [generation: number, hosts: number])[];
}

export class SimulatedHosts {
  readonly #children: ChildProcess[] = [];
  readonly #seen = new Map<ChildProcess, Seen>();
  readonly #ended: Promise<never>;

  /** Starts `node-0` to `node-COUNT`. */
  constructor(uri: string, count: number) {
    let fail = (_: Error): void => {};
    this.#ended = new Promise<never>((_, reject) => {
      fail = reject;
    });
    this.#ended.catch(() => {});
    for (let first = 0; first < count; first += HOSTS_A_PROCESS) {
      const args = [uri, `${first}`, `${Math.min(HOSTS_A_PROCESS, count - first)}`];
      const child = fork(HOSTS, args, {execArgv: SEMI_SPACE});
      this.#children.push(child);
      // Hosts have cores of their own elsewhere: here they get what etcd and the operator's command leave.
      os.setPriority(child.pid!, Math.min(19, os.getPriority() + os.constants.priority.PRIORITY_BELOW_NORMAL));
      child.on('message', (message) => this.#seen.set(child, message as Seen));
      child.on('exit', (code) => fail(new Error(`hosts from ${first} on ended with ${code}`)));
    }
  }

  get connected(): number {
    return this.#sum(({connected}) => connected);
  }

  get failed(): number {
    return this.#sum(({failed}) => failed);
  }

  holding(generation: number): number {
    return this.#sum(({holds}) => holds.find(([held]) => held === generation)?.[1] ?? 0);
  }

  /** Of all of them together, until now. */
  get cpuSeconds(): number {
    return this.#children.reduce((sum, {pid}) => sum + cpuSeconds(pid!), 0);
  }

  /** Waits until it is so; rejects when hosts have ended. */
  async when(isDone: () => boolean, everyMs = 50): Promise<void> {
    while (!isDone()) await Promise.race([pause(everyMs), this.#ended]);
  }

  stop(): void {
    for (const child of this.#children) child.kill('SIGKILL');
  }

  #sum(of: (seen: Seen) => number): number {
    return [...this.#seen.values()].reduce((sum, one) => sum + of(one), 0);
  }
}
