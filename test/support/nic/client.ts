/** Drives a C program on the NIC, client.c, traffic.c or officer.c: one question a line, one answer a line. */
import type {ChildProcess} from 'node:child_process';
import {createInterface} from 'node:readline';
import {type DekKeys, wrapDek} from '../../../src/wrap/index.js';
import {compileProgram} from '../process/compile.js';
import type {TestDevice} from './device.js';
import {has} from './release.js';

/** The compiled program. */
export function clientProgram(source: 'client.c' | 'traffic.c' | 'officer.c'): string {
  const features = has('login objects') ? ['-DLOGIN_OBJECTS'] : [];
  return compileProgram(`virtual/${source}`, [...features, '-libverbs', '-lmlx5']);
}

export class Client {
  readonly process: ChildProcess;
  readonly #answers: AsyncIterator<string>;

  constructor(device: TestDevice, source: 'client.c' | 'traffic.c' | 'officer.c' = 'client.c') {
    this.process = device.spawn(clientProgram(source), [], {stdio: ['pipe', 'pipe', 'inherit']});
    this.#answers = createInterface({input: this.process.stdout!})[Symbol.asyncIterator]();
  }

  get pid(): number {
    return this.process.pid!;
  }

  /** The answer to a question: `ok`, what follows `ok`, or the name of an errno. */
  async ask(question: string): Promise<string> {
    this.process.stdin!.write(`${question}\n`);
    const answer = await this.#answers.next();
    if (answer.done) throw new Error(`the client died of "${question}"`);
    return answer.value.replace(/^ok /, '').trimEnd();
  }

  /** The answers to several questions. */
  async askAll(questions: readonly string[]): Promise<string[]> {
    const answers: string[] = [];
    for (const question of questions) answers.push(await this.ask(question));
    return answers;
  }

  /** Ends the process and waits until it is gone. */
  async end(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const gone = new Promise((resolve) => this.process.once('exit', resolve));
    this.process.kill(signal);
    await gone;
  }
}

/** Lower-case hex. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

/** Two different keys, and a keytag when asked for. */
export function testKeys(keySize: 128 | 256, keytag = false): DekKeys {
  const bytes = keySize / 8;
  const fill = (length: number, first: number): Uint8Array =>
    Uint8Array.from({length}, (_, i) => (first + i * 7) & 255);
  return {key1: fill(bytes, 1), key2: fill(bytes, 131), ...(keytag ? {keytag: fill(8, 77)} : {})};
}

/** A DEK wrapped by the device's import KEK, in hex. */
export function wrapped(device: TestDevice, keySize: 128 | 256 = 256, keytag = false): string {
  return hex(wrapDek(device.kek, testKeys(keySize, keytag)));
}

/** The question that logs in. */
export function login(device: TestDevice, how: 'login' | 'login_create' = 'login'): string {
  return `${how} ${device.kekId} ${device.credentialId} ${hex(device.wrappedCredential)}`;
}
