/** A real systemd-journald in a mount namespace of its own, where programs can be run that then find that journal. */
import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import {until} from '../until.js';

/** Fresh places for what journald and its clients share, and journald itself in the place of the shell. */
const SCRIPT = `mkdir -p /run/systemd /run/log && mount -t tmpfs tmpfs /run/systemd && mount -t tmpfs tmpfs /run/log &&
mkdir /run/systemd/journal && exec /lib/systemd/systemd-journald`;

export class Journal {
  readonly #journald: ChildProcess;

  private constructor(journald: ChildProcess) {
    this.#journald = journald;
  }

  /** Whether this machine lets tests have one. */
  static get isPossible(): boolean {
    return spawnSync('unshare', ['-m', 'true']).status === 0;
  }

  static async start(): Promise<Journal> {
    const journal = new Journal(spawn('unshare', ['-m', 'sh', '-c', SCRIPT], {stdio: 'ignore'}));
    const socket = ['test', '-S', '/run/systemd/journal/socket'];
    await until(() => spawnSync(journal.prefix[0]!, [...journal.prefix.slice(1), ...socket]).status === 0, 'journald');
    return journal;
  }

  /** What is put before a command, so that it runs where the journal is. */
  get prefix(): string[] {
    return ['nsenter', '-t', `${this.#journald.pid}`, '-m', '-r', `--wdns=${process.cwd()}`];
  }

  /** From now on it takes nothing, until `goOn`. */
  halt(): void {
    this.#journald.kill('SIGSTOP');
  }

  goOn(): void {
    this.#journald.kill('SIGCONT');
  }

  async stop(): Promise<void> {
    const exit = once(this.#journald, 'exit');
    this.#journald.kill();
    await exit;
  }
}
