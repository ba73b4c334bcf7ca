/**
 * A token's process (child.ts) as the one that started it sees it: requests in, answers back, one by one. It may die or
 * hang: then there is an error, and it is killed.
 */
import {type ChildProcess, spawn} from 'node:child_process';
import fs from 'node:fs';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import {secretBytes, wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import {socketPair} from '../files/ffi.js';
import {packageFile} from '../package.js';
import {FRAME_BYTES, frameOf, MAX_BYTES, parseError, parseFrame, REQUEST, type RequestName} from './messages.js';

const read = promisify(fs.read);
const write = promisify(fs.write);

/** Not bundled: it is started by its path. */
const CHILD = packageFile('dist/src/pkcs11/child.js');
/** How long one request may take: a login at a server, a few dozen keys in a slow token. */
const TIMEOUT_MS = 30_000;

export class TokenProcess {
  readonly #child: ChildProcess;
  readonly #exit: Promise<string>;
  readonly #fd: number;
  readonly #timeoutMs: number;
  readonly #modulePath: string;
  #last: Promise<unknown> = Promise.resolve();
  #end: DekError | undefined;

  constructor(modulePath: string, timeoutMs = TIMEOUT_MS) {
    this.#modulePath = modulePath;
    this.#timeoutMs = timeoutMs;
    const [ours, theirs] = socketPair();
    this.#fd = ours;
    // What was preloaded into this process is not for it; nor is a Ctrl-C at the terminal, which ends this one.
    const {NODE_OPTIONS: _, ...env} = process.env;
    const stdio = ['ignore', 'ignore', 'inherit', theirs] as const;
    try {
      const args = [fileURLToPath(CHILD), `${process.pid}`];
      this.#child = spawn(process.execPath, args, {stdio: [...stdio], env, detached: true});
    } catch (cause) {
      fs.closeSync(ours);
      throw new DekError('IO', 'cannot start a process for the token', {cause});
    } finally {
      fs.closeSync(theirs);
    }
    this.#exit = new Promise((resolve) => {
      this.#child.once('exit', (status, signal) => resolve(signal ?? `status ${status}`));
      this.#child.once('error', (error) => resolve(error.message));
    });
    this.#child.unref();
  }

  /**
   * What the process answers. One request is on its way at a time. Throws its error; IO when it dies or says nothing
   * for too long: then it is killed. The caller wipes the answer if it is secret.
   */
  request(name: RequestName, ...parts: readonly Uint8Array[]): Promise<Uint8Array> {
    const frame = frameOf(REQUEST[name], ...parts);
    const answer = this.#last.then(() => this.#ask(frame)).finally(() => wipe(frame));
    this.#last = answer.catch(() => {});
    return answer;
  }

  /** Ends the process. */
  async close(): Promise<void> {
    if (this.#end !== undefined) return;
    this.#end = new DekError('CLOSED', 'the token was closed');
    this.#child.kill('SIGKILL');
    await this.#exited();
    await this.#last; // it may be reading
    fs.closeSync(this.#fd);
  }

  async #ask(frame: Uint8Array): Promise<Uint8Array> {
    if (this.#end !== undefined) throw this.#end;
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#child.kill('SIGKILL');
    }, this.#timeoutMs);
    try {
      if (!(await this.#write(frame))) throw await this.#death(isLate);
      const start = secretBytes(FRAME_BYTES);
      if (!(await this.#fill(start))) throw await this.#death(isLate);
      const {length, byte} = parseFrame(start);
      if (length > MAX_BYTES) {
        // What follows would be read as the next answer.
        this.#child.kill('SIGKILL');
        await this.#death(false);
        throw new DekError('IO', 'the process of the token said something else');
      }
      const payload = secretBytes(length);
      if (!(await this.#fill(payload))) {
        wipe(payload);
        throw await this.#death(isLate);
      }
      if (byte === 0) return payload;
      throw parseError(payload);
    } finally {
      clearTimeout(timer);
    }
  }

  async #write(bytes: Uint8Array): Promise<boolean> {
    try {
      for (let at = 0; at < bytes.length; ) at += (await write(this.#fd, bytes, at)).bytesWritten;
      return true;
    } catch {
      return false; // EPIPE
    }
  }

  async #fill(bytes: Uint8Array): Promise<boolean> {
    try {
      for (let at = 0; at < bytes.length; ) {
        const {bytesRead} = await read(this.#fd, bytes, at, bytes.length - at, null);
        if (bytesRead === 0) return false;
        at += bytesRead;
      }
      return true;
    } catch {
      return false; // ECONNRESET
    }
  }

  /** How it ended. */
  #exited(): Promise<string> {
    this.#child.ref(); // nothing else may keep this process waiting for it
    return this.#exit;
  }

  /** Why it says nothing more. */
  async #death(isLate: boolean): Promise<DekError> {
    const how = await this.#exited();
    if (this.#end !== undefined) return this.#end;
    const hint = 'the module is at fault, or what it needs: its own log may tell';
    this.#end = isLate
      ? new DekError('IO', `the module ${this.#modulePath} gave no answer for ${this.#timeoutMs / 1000} s`, {
          hint: 'is the token, or the server behind it, in reach?',
        })
      : new DekError('IO', `the module ${this.#modulePath} ended its process (${how})`, {hint});
    fs.closeSync(this.#fd);
    return this.#end;
  }
}
