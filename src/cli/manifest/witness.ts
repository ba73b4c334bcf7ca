/**
 * Tells whether a signal came to this process alone, or to all of its group as well: from the terminal, by kill(2) of a
 * group, from a service manager to all processes of a unit. Node does not say who has sent a signal; a process of ours
 * beside CMD, to which nobody sends signals, has it pending when all have got it. It is env(1) as cat(1), which blocks
 * these signals.
 */
import {type ChildProcess, spawn} from 'node:child_process';
import fs from 'node:fs';
import {constants} from 'node:os';

export class Witness {
  readonly #signals: readonly NodeJS.Signals[];
  /** What one has got that was stopped since. */
  readonly #seen = new Set<NodeJS.Signals>();
  #process: ChildProcess | undefined;

  constructor(signals: readonly NodeJS.Signals[]) {
    this.#signals = signals;
    this.#start();
  }

  /** Whether it got this signal since it was asked for it last. Never where it could not be started. */
  hasSeen(signal: NodeJS.Signals): boolean {
    const seen = this.#signals.filter((one) => this.#has(one));
    for (const one of seen) this.#seen.add(one);
    if (seen.length > 0) {
      this.stop();
      this.#start();
    }
    return this.#seen.delete(signal);
  }

  stop(): void {
    this.#process?.kill('SIGKILL');
    this.#process = undefined;
  }

  #has(signal: NodeJS.Signals): boolean {
    const child = this.#process;
    if (child?.pid === undefined || child.exitCode !== null) return false;
    // It dies of one that comes before it has blocked it.
    return child.signalCode === null ? isPending(child.pid, signal) : child.signalCode === signal;
  }

  #start(): void {
    const names = this.#signals.map((signal) => signal.slice('SIG'.length)).join(',');
    const {PATH} = process.env;
    const child = spawn('env', [`--block-signal=${names}`, 'cat'], {
      stdio: ['pipe', 'ignore', 'ignore'],
      env: PATH === undefined ? {} : {PATH},
    });
    // Without these programs every signal is passed on.
    child.on('error', () => {});
    child.stdin?.on('error', () => {});
    // It ends with this process, when its pipe does, and holds it back no longer.
    child.unref();
    (child.stdin as {unref?(): void} | null)?.unref?.();
    this.#process = child;
  }
}

/** proc(5): the signals that wait for a process, as bits, in /proc/PID/status. */
function isPending(pid: number, signal: NodeJS.Signals): boolean {
  try {
    const text = fs.readFileSync(`/proc/${pid}/status`, 'latin1');
    const pending = BigInt(`0x${/^ShdPnd:\s*([0-9a-f]+)$/m.exec(text)?.[1] ?? '0'}`);
    return ((pending >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n;
  } catch {
    return false; // it has ended
  }
}
