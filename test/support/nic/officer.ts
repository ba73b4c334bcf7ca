/** A card of a virtual ConnectX for the tests of the officer's commands, which run on it as a user runs them. */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import type {CreateOptions} from '../../../src/virtual/index.js';
import {DEK, type Run, run} from '../process/run-dek.js';
import {temporaryDirectory} from '../temporary-directory.js';
import {type TestDevice, testDevice} from './device.js';

export class Card {
  readonly device: TestDevice;
  readonly directory = temporaryDirectory();
  /** What all commands printed, to be searched for secrets. */
  printed = '';

  constructor(device: TestDevice) {
    this.device = device;
  }

  static async make(options: CreateOptions = {}): Promise<Card> {
    return new Card(await testDevice(options));
  }

  /** `dek ARGS` on the card, in an agent-less corner of its own. */
  async dek(...args: string[]): Promise<Run & {out: string}> {
    const env = {...this.device.nic.environment(), DEK_AGENT_SOCKET: join(this.directory, 'agent.sock')};
    const result = await run(process.execPath, [DEK, ...args], {env: env as Record<string, string>});
    const out = result.stdout.toString();
    this.printed += out + result.stderr;
    return {...result, out};
  }

  /** The same with `--json`, its value; throws what it said when it failed. */
  async json<T>(...args: string[]): Promise<T> {
    const {status, out, stderr} = await this.dek(...args, '--json');
    if (status !== 0) throw new Error(`dek ${args.join(' ')}: exit ${status}: ${out}${stderr}`);
    return JSON.parse(out) as T;
  }

  /** A secret of this length in a file; its bytes, path and source. */
  secret(name: string, bytes: number, content: Uint8Array = randomBytes(bytes)) {
    const path = this.file(name, content);
    return {content, path, source: `file:${path}`};
  }

  file(name: string, content: Uint8Array | string): string {
    const path = join(this.directory, name);
    fs.writeFileSync(path, content, {mode: 0o600});
    return path;
  }

  /** The flags of the officer's login: a wrapped credential in a file. */
  officer(wrapped: Uint8Array = this.device.wrappedCredential, {kekId = this.device.kekId} = {}): string[] {
    const path = this.file(`credential-${randomBytes(4).toString('hex')}.wrapped`, wrapped);
    return ['--credential', path, '--credential-id', `${this.device.credentialId}`, '--import-kek-id', `${kekId}`];
  }

  /** The officer's copy of the first KEK. */
  get kek(): string {
    return `file:${this.device.nic.kekFile}`;
  }

  remove(): void {
    this.device.remove();
    fs.rmSync(this.directory, {recursive: true, force: true});
  }
}
