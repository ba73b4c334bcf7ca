/**
 * A service manager with a descriptor store, as systemd has it: it starts an agent with what it keeps, and forgets all
 * of it when the agent is stopped. Python 3, since Node can neither receive descriptors nor pass them on so.
 */
import {type ChildProcess, spawn} from 'node:child_process';
import {join} from 'node:path';
import {AgentClient} from '../../../src/agent/client.js';
import type {TestDevice} from '../nic/device.js';
import {until} from '../until.js';
import {DEK} from './agent-process.js';

const MANAGER = `
import array, os, signal, socket, subprocess, sys, threading
path, *command = sys.argv[1:]
sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); sock.bind(path)
store, child = {}, None
def listen():
    while True:
        data, ancillary, _, _ = sock.recvmsg(65536, socket.CMSG_SPACE(64))
        fds = array.array("i")
        for _, _, d in ancillary: fds.frombytes(d)
        lines = dict(l.split("=", 1) for l in data.decode().splitlines() if "=" in l)
        if "FDSTORE" in lines:
            store.setdefault(lines["FDNAME"], []).extend(fds)
        elif "FDSTOREREMOVE" in lines:
            for fd in store.pop(lines["FDNAME"], []): os.close(fd)
        if "READY" in lines: print("ready", flush=True)
threading.Thread(target=listen, daemon=True).start()
print("listens", flush=True)
def start():
    kept = [(name, fd) for name, fds in store.items() for fd in fds]
    def become():
        moved = [os.dup(os.dup2(fd, 200 + i)) for i, (_, fd) in enumerate(kept)]
        for i, fd in enumerate(moved): os.dup2(fd, 3 + i)
        names = ":".join(n for n, _ in kept)
        os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(kept)), LISTEN_FDNAMES=names)
        os.execvpe(command[0], command, os.environ)
    pid = os.fork()
    if pid == 0: become()
    return pid
os.environ["NOTIFY_SOCKET"] = path
for line in sys.stdin:
    word = line.strip()
    if word == "start": child = start(); print("pid", child, flush=True)
    elif word in ("kill", "term"):
        os.kill(child, signal.SIGKILL if word == "kill" else signal.SIGTERM)
        os.waitpid(child, 0); print("ended", flush=True)
    elif word == "forget":
        for fds in store.values():
            for fd in fds: os.close(fd)
        store.clear(); print("forgot", flush=True)
    elif word == "names": print("names", *sorted(store), flush=True)
`;

export class ServiceManager {
  readonly client: AgentClient;
  readonly socket: string;
  readonly #process: ChildProcess;
  #said = '';
  /** What the agents wrote to stderr. */
  log = '';

  private constructor(device: TestDevice, args: readonly string[]) {
    this.socket = join(device.directory, 'agent.sock');
    this.client = new AgentClient(this.socket);
    const agent = [process.execPath, DEK, 'agent', '--socket', this.socket, ...args];
    this.#process = spawn('/usr/bin/python3', ['-c', MANAGER, join(device.directory, 'notify.sock'), ...agent], {
      env: device.nic.environment(),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#process.stdout!.on('data', (text) => {
      this.#said += text;
    });
    this.#process.stderr!.on('data', (text) => {
      this.log += text;
    });
  }

  /** One that starts agents with these arguments. */
  static async begin(device: TestDevice, args: readonly string[]): Promise<ServiceManager> {
    const manager = new ServiceManager(device, args);
    await until(
      () => manager.#said.includes('listens'),
      () => manager.log,
    );
    return manager;
  }

  /** Starts an agent with all that is kept, and waits until it is READY. */
  async start(): Promise<void> {
    await this.#tell('start', 'ready');
  }

  async kill(): Promise<void> {
    await this.#tell('kill', 'ended');
  }

  /** As `systemctl restart` does: SIGTERM, and what is kept stays. */
  async terminate(): Promise<void> {
    await this.#tell('term', 'ended');
  }

  /** As it does when the unit is stopped. */
  async forget(): Promise<void> {
    await this.#tell('forget', 'forgot');
  }

  /** The names of what is kept. */
  async names(): Promise<string[]> {
    const said = await this.#tell('names', 'names');
    return said.split(' ').slice(1);
  }

  async end(): Promise<void> {
    this.#process.kill('SIGKILL');
    if (this.#process.exitCode === null && this.#process.signalCode === null) {
      await new Promise((resolve) => this.#process.once('exit', resolve));
    }
  }

  async #tell(word: string, answer: string): Promise<string> {
    this.#said = '';
    this.#process.stdin!.write(`${word}\n`);
    const line = (): string | undefined =>
      this.#said
        .split('\n')
        .slice(0, -1)
        .find((one) => one.startsWith(answer));
    await until(
      () => line() !== undefined,
      () => `${answer}: ${this.#said} ${this.log}`,
    );
    return line()!;
  }
}
