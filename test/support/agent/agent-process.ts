/** A real `dek agent` on a virtual ConnectX, as a process of its own that a test can talk to, stop or kill. */
import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {fileURLToPath} from 'node:url';
import {AgentClient} from '../../../src/agent/client.js';
import {wrapDek} from '../../../src/wrap/index.js';
import {type TestDevice, testDevice} from '../nic/device.js';

/** To be preloaded by `--import`. */
export const FAST_CLOCK = new URL('./fast-clock.js', import.meta.url).href;

/** bin/dek.cjs of this checkout. */
export const DEK = fileURLToPath(new URL('../../../../bin/dek.cjs', import.meta.url));

interface StartOptions {
  /** Another bin/dek.cjs. */
  dek?: string;
  socket?: string;
  args?: string[];
  env?: NodeJS.ProcessEnv;
  prefix?: string[];
  /** Its clock runs faster: fast-clock.ts. */
  fastClock?: boolean;
}

export class AgentProcess {
  readonly child: ChildProcess;
  readonly client: AgentClient;
  readonly device: TestDevice;
  /** What it wrote to stderr so far. */
  log = '';

  private constructor(child: ChildProcess, socket: string, device: TestDevice) {
    this.child = child;
    this.client = new AgentClient(socket);
    this.device = device;
    child.stderr!.on('data', (text) => {
      this.log += text;
    });
  }

  /** Starts one, by `prefix` if given, and waits for its READY line; rejects with its stderr when it ends instead. */
  static async start(device: TestDevice, options: StartOptions = {}): Promise<AgentProcess> {
    const {
      dek = DEK,
      socket = join(device.directory, 'agent.sock'),
      args = [],
      env = {},
      prefix = [],
      fastClock = false,
    } = options;
    const preload = fastClock ? ['--import', FAST_CLOCK] : [];
    const [file, ...rest] = [...prefix, process.execPath, ...preload, dek, 'agent', '--socket', socket, ...args];
    const child = spawn(file!, rest, {
      env: {...device.nic.environment(), ...env},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const agent = new AgentProcess(child, socket, device);
    const ended = once(child, 'close');
    const line = await Promise.race([once(createInterface(child.stdout!), 'line'), ended.then(() => undefined)]);
    if (line?.[0] !== `READY ${socket}`) throw new Error(`the agent did not start: ${line?.[0] ?? agent.log}`);
    return agent;
  }

  get socket(): string {
    return this.client.socket;
  }

  /** Logs in with the device's own credential. */
  login(): Promise<unknown> {
    const {wrappedCredential: credential, credentialId, kekId: importKekId} = this.device;
    return this.client.login({credential, credentialId, importKekId});
  }

  /** Creates a 128-bit DEK whose bytes follow from `seed`. */
  create(name: string, seed = 1): Promise<unknown> {
    return this.client.createDek({name, wrapped: wrappedDek(this.device, seed), opaque: new Uint8Array()});
  }

  /** Sends a signal and waits for the end: the exit status, or the signal that ended it. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | NodeJS.Signals> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    if (this.child.signalCode !== null) return this.child.signalCode;
    const exit = once(this.child, 'exit');
    this.child.kill(signal);
    const [code, by] = (await exit) as [number | null, NodeJS.Signals | null];
    return code ?? by!;
  }
}

/** For each test of a describe, an agent on a virtual ConnectX of its own, handed to `use`. */
export function agentForEach(args: string[], use: (device: TestDevice, agent: AgentProcess) => void): void {
  let device: TestDevice;
  let agent: AgentProcess;
  beforeEach(async () => {
    device = await testDevice();
    agent = await AgentProcess.start(device, {args, fastClock: args.includes('--check-interval')});
    use(device, agent);
  });
  afterEach(async () => {
    await agent.end();
    device.remove();
  });
}

/** 40 bytes: a 128-bit DEK without keytag, wrapped by the device's import KEK. */
export function wrappedDek(device: TestDevice, seed = 1): Uint8Array {
  return wrapDek(device.kek, {key1: new Uint8Array(16).fill(seed), key2: new Uint8Array(16).fill(seed ^ 0x80)});
}

/** The live objects of all processes, as the NIC counts them. */
export function live(device: TestDevice): {contexts: number; pds: number; logins: number; deks: number} {
  const {contexts, pds, logins, deks} = device.nic.show().live;
  return {contexts, pds, logins, deks};
}

/** What `live` says when nothing is left. */
export const NOTHING = {contexts: 0, pds: 0, logins: 0, deks: 0};
