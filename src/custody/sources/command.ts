/**
 * `cmd:COMMAND LINE`: what a program writes to its standard output: clevis, age, tpm2_unseal, vault, a script. It is
 * started without a shell, with an empty standard input; its messages go where ours go. What it wrote counts only when
 * it has ended with status 0.
 */
import {type ChildProcess, spawn} from 'node:child_process';
import fs from 'node:fs';
import {hideKey} from '../../bytes.js';
import {Deadline} from '../../deadline.js';
import {DekError, systemCode} from '../../errors.js';
import {hearSignals, raiseAgain} from '../../signals.js';
import {splitCommandLine} from './command-line.js';
import {makePipe} from './ffi.js';
import {killTree} from './kill-tree.js';
import type {Source, Started} from './source.js';

/** A person may have to touch a token, or to type a passphrase at a prompt of the program. */
const TIMEOUT_MS = 60_000;
/** How long a program that is told to end may take to clean up. */
const PATIENCE_MS = 1000;
/** For the end of one that writes a stream, however long that takes. */
const LIMIT = {timeoutMs: TIMEOUT_MS, signal: new AbortController().signal};

export function sourceOf(line: string, title: string): Source | undefined {
  const words = splitCommandLine(line, `"${title}" cmd:`);
  const [program, ...args] = words;
  if (!program) return undefined;
  const name = `"${title}" cmd:${hideKey(program)}`;
  return {
    name,
    isPrivate: false,
    timeoutMs: TIMEOUT_MS,
    start: async (deadline) => new Program([program, ...args], name, deadline),
  };
}

class Program implements Started {
  readonly fd: number;
  readonly #child: ChildProcess;
  readonly #name: string;
  readonly #deadline: Deadline | undefined;
  readonly #exit: Promise<void>;
  readonly #unlisten: () => void;
  #error: DekError | undefined;
  #signal: NodeJS.Signals | undefined;
  #isEnded = false;

  constructor(words: readonly [string, ...string[]], name: string, deadline: Deadline | undefined) {
    this.#name = name;
    this.#deadline = deadline;
    // Before it is there: a signal must not leave it behind.
    this.#unlisten = hearSignals(this.#interrupt);
    try {
      [this.#child, this.fd] = launch(words);
    } catch (cause) {
      this.#unlisten();
      throw cannotRun(name, cause);
    }
    this.#exit = new Promise((resolve) => {
      this.#child.once('error', (cause) => {
        this.#error = cannotRun(name, cause);
        resolve();
      });
      this.#child.once('exit', () => resolve());
    });
  }

  async end(isGivenUp: boolean): Promise<void> {
    if (this.#isEnded) return;
    this.#isEnded = true;
    try {
      fs.closeSync(this.fd);
      if (!isGivenUp) await (this.#deadline ?? new Deadline(this.#name, LIMIT)).wait(() => this.#exit);
    } finally {
      await this.#kill();
      this.#unlisten();
      raiseAgain(this.#signal);
    }
    if (!isGivenUp) this.#assertSuccess();
  }

  #assertSuccess(): void {
    if (this.#error) throw this.#error;
    const {exitCode, signalCode} = this.#child;
    if (exitCode === 0) return;
    const how = signalCode === null ? `exited with ${exitCode}` : `was ended by ${signalCode}`;
    throw new DekError('IO', `${this.#name} ${how}`, {
      hint: 'run it by itself: what it has to say stands above, if anything',
    });
  }

  /** The program must not be left behind; what waits for its output sees its end then. */
  readonly #interrupt = (signal: NodeJS.Signals): void => {
    this.#signal ??= signal;
    void this.#kill();
  };

  /** Ends it, if it runs, and comes back when that is done. */
  async #kill(): Promise<void> {
    const {pid} = this.#child;
    // Once its end was seen, its number may be another's.
    const isRunning = () => pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
    if (!isRunning()) return;
    killTree(pid!, 'SIGTERM');
    const last = setTimeout(() => isRunning() && killTree(pid!, 'SIGKILL'), PATIENCE_MS);
    await this.#exit;
    clearTimeout(last);
  }
}

/** Starts the program; what it writes is read from the descriptor. */
function launch([program, ...args]: readonly [string, ...string[]]): [ChildProcess, number] {
  const {reading, writing} = makePipe();
  try {
    return [spawn(program, args, {stdio: ['ignore', writing, 'inherit']}), reading];
  } catch (error) {
    fs.closeSync(reading);
    throw error;
  } finally {
    fs.closeSync(writing);
  }
}

function cannotRun(name: string, cause: unknown): DekError {
  const errno = systemCode(cause);
  if (errno === 'ENOENT') {
    return new DekError('NO_INPUT', `cannot run ${name}: no such program`, {
      hint: 'programs are looked for in $PATH; a shell is not asked',
      cause,
    });
  }
  return new DekError(errno === 'EACCES' ? 'PERMISSION' : 'IO', `cannot run ${name}: ${errno ?? cause}`, {
    errno,
    cause,
  });
}
