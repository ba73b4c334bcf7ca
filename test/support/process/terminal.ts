/** A terminal for sessions (session.ts), on a virtual ConnectX of its own. */
import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import {createInterface} from 'node:readline';
import {expect} from 'chai';
import {live, NOTHING} from '../agent/agent-process.js';
import {KEK, plaintextOf} from '../keys/key-files.js';
import {type TestDevice, testDevice} from '../nic/device.js';
import {temporaryDirectory} from '../temporary-directory.js';
import {DEK, withoutWaiting} from './run-dek.js';
import {type Outcome, parseSession, renderSession, type Step} from './session.js';

/**
 * Where a session runs. In its directory are `nic` (import KEK 0x20, credential 0x10), the officer's `kek`, another
 * `other-kek`, `plain-128`, `plain-256-keytag`, and `bin` with the commands `dek` and `flip-a-bit`.
 */
export class Terminal {
  readonly #directory = temporaryDirectory();
  readonly #device: TestDevice;
  readonly #env: NodeJS.ProcessEnv;
  readonly #background: ChildProcess[] = [];

  private constructor(device: TestDevice, dek: string) {
    this.#device = device;
    const bin = this.#path('bin');
    fs.mkdirSync(bin);
    this.#script('dek', `exec ${dek} "$@"`);
    // The shim takes seconds to compile, and is compiled already: for dek virtual create.
    const shim = join(device.directory, 'uverbs.so');
    this.#script('cc', `case "$6" in */uverbs.c) exec cp '${shim}' "$5" ;; *) PATH=\${PATH#*:} exec cc "$@" ;; esac`);
    this.#script('flip-a-bit', `exec '${process.execPath}' -e '${FLIP_A_BIT}' "$@"`);
    fs.symlinkSync(device.directory, this.#path('nic'));
    this.#secret('kek', KEK);
    this.#secret('other-kek', Buffer.alloc(16, 7));
    this.#secret('plain-128', plaintextOf(128, false));
    this.#secret('plain-256-keytag', plaintextOf(256, true));
    this.#env = {
      ...device.nic.environment(),
      PATH: `${bin}:${process.env['PATH']}`,
      DEK_AGENT_SOCKET: this.#path('agent.sock'),
      COLUMNS: '80',
    };
  }

  /** Calls `use` with one. `dek` are the words of a shell that run the command line. */
  static async with<T>(use: (terminal: Terminal) => Promise<T>, dek = `'${process.execPath}' '${DEK}'`): Promise<T> {
    const credential = Buffer.alloc(40).map((_, i) => 0xc0 + i);
    const terminal = new Terminal(await testDevice({kek: KEK, kekId: 0x20, credential, credentialId: 0x10}), dek);
    try {
      return await use(terminal);
    } finally {
      await terminal.#close();
    }
  }

  /** Runs a command line; one that ends with `&` stays, and its output is its first line. */
  async run(command: string): Promise<Outcome> {
    const {background, line} = /^(?<line>.*?)(?<background> &)?$/s.exec(command)!.groups!;
    if (background !== undefined) return this.#start(line!);
    const child = this.#bash(`exec 2>&1\n${command}`);
    let output = '';
    child.stdout!.on('data', (text) => {
      output += text;
    });
    const [exit] = await once(child, 'close');
    return {output: withoutWaiting(output.replaceAll(this.#directory, '~')), exit};
  }

  /** Takes over the environment that `line`, a command that ends with `bash`, gives its shell: as if it ran there. */
  async enter(line: string): Promise<void> {
    const {output, exit} = await this.run(`${line.replace(/bash$/, 'env')} -0`);
    expect(exit, output).to.equal(0);
    for (const entry of output.replaceAll('~', this.#directory).split('\0')) {
      const [name, ...value] = entry.split('=');
      if (name) this.#env[name] = value.join('=');
    }
  }

  /** Ends what runs in the background, by SIGTERM: each has to exit with 0 and leave nothing on the NIC. */
  async #close(): Promise<void> {
    try {
      for (const child of this.#background) {
        const exit = once(child, 'exit');
        if (child.exitCode === null) child.kill('SIGTERM');
        expect(child.exitCode ?? (await exit)[0], 'exit status of the background command').to.equal(0);
      }
      expect(live(this.#device)).to.deep.equal(NOTHING);
    } finally {
      fs.rmSync(this.#directory, {recursive: true});
      this.#device.remove();
    }
  }

  async #start(line: string): Promise<Outcome> {
    const child = this.#bash(`exec ${line} 2>/dev/null`);
    this.#background.push(child);
    const [first] = await Promise.race([once(createInterface(child.stdout!), 'line'), once(child, 'exit')]);
    return {output: `${first}`.replaceAll(this.#directory, '~'), exit: child.exitCode ?? 0};
  }

  #bash(script: string): ChildProcess {
    return spawn('bash', ['-c', script], {
      cwd: this.#directory,
      env: this.#env,
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }

  #path(name: string): string {
    return join(this.#directory, name);
  }

  #secret(name: string, bytes: Uint8Array): void {
    fs.writeFileSync(this.#path(name), bytes, {mode: 0o600});
  }

  #script(name: string, line: string): void {
    fs.writeFileSync(this.#path(`bin/${name}`), `#!/bin/sh\n${line}\n`, {mode: 0o755});
  }
}

/** Runs a session and returns it as it went. `dek` as for `Terminal.with`. */
export async function runSession(text: string, dek?: string): Promise<string> {
  const parts = parseSession(text);
  const outcomes = new Map<Step, Outcome>();
  await Terminal.with(async (terminal) => {
    for (const part of parts) if (typeof part === 'object') outcomes.set(part, await terminal.run(part.command));
  }, dek);
  return renderSession(parts, outcomes);
}

const FLIP_A_BIT =
  'const bytes = fs.readFileSync(process.argv[1]); bytes[bytes.length >> 1] ^= 1; process.stdout.write(bytes);';
