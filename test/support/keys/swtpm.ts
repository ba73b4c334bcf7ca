/** A TPM 2.0 in software: swtpm, in a process of its own. */
import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import {temporaryDirectory} from '../temporary-directory.js';
import {until} from '../until.js';

export class SoftTpm {
  readonly #directory = temporaryDirectory();
  readonly #port: number;
  #process: ChildProcess | undefined;

  private constructor(port: number) {
    this.#port = port;
  }

  /** Starts one that is new. */
  static async start(): Promise<SoftTpm> {
    const tpm = new SoftTpm(await freePorts());
    await tpm.resume();
    return tpm;
  }

  /** The rollback index in it, as dek names it. */
  index(handle = '0x1800020'): string {
    return `tpm:${handle}?tcti=${this.tcti}`;
  }

  /** As tpm2-tools name the way to it. */
  get tcti(): string {
    return `swtpm:host=127.0.0.1,port=${this.#port}`;
  }

  /** Starts it, with what it has kept. */
  async resume(): Promise<void> {
    const [server, ctrl] = [this.#port, this.#port + 1].map((port) => `type=tcp,port=${port},bindaddr=127.0.0.1`);
    const state = ['--tpmstate', `dir=${this.#directory}`, '--flags', 'not-need-init,startup-clear'];
    const args = ['socket', '--tpm2', ...state, '--server', server!, '--ctrl', ctrl!];
    this.#process = spawn('swtpm', args, {stdio: 'ignore'});
    await until(() => isOpen(this.#port + 1), 'swtpm listens');
  }

  /** Ends it. */
  async pause(): Promise<void> {
    const running = this.#process;
    this.#process = undefined;
    if (!running || running.exitCode !== null) return;
    const exit = once(running, 'exit');
    running.kill();
    await exit;
  }

  /** Lets it stand still, so that it answers nothing, until `goOn`. */
  standStill(): void {
    this.#process?.kill('SIGSTOP');
  }

  goOn(): void {
    this.#process?.kill('SIGCONT');
  }

  /** Ends it for good. */
  async stop(): Promise<void> {
    await this.pause();
    fs.rmSync(this.#directory, {recursive: true, force: true});
  }
}

/** Two ports, one after the other: swtpm's transport in libtss2 asks for that. */
async function freePorts(): Promise<number> {
  for (;;) {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const {port} = server.address() as net.AddressInfo;
    const next = net.createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      next.once('error', () => resolve(false));
      next.listen(port + 1, '127.0.0.1', () => resolve(true));
    });
    await Promise.all([server, next].map((one) => new Promise((resolve) => one.close(resolve))));
    if (isFree) return port;
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}
