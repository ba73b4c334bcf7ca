/** A command of the user's that runs inside ours: `dek run -- CMD`, `dek virtual exec DIR -- CMD`. */
import {type ChildProcess, type StdioOptions, spawn} from 'node:child_process';
import fs from 'node:fs';
import {constants} from 'node:os';
import {DekError, systemCode} from '../errors.js';
import {inheritedDescriptors} from '../files/inherited.js';
import {Witness} from './manifest/witness.js';
import {printError} from './output/print-error.js';

const PASSED_ON = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const;
/** Who sends a signal to many sends it to one after the other. */
const TO_ALL_MS = 50;

/** They name the process that they are meant for, by its id: sd_listen_fds(3), sd_watchdog_enabled(3). */
const NAMING_A_PROCESS = ['LISTEN_PID', 'WATCHDOG_PID'] as const;

/** What a shell exits with when there is no such program, and when it cannot be run: sh(1). */
const NO_SUCH_PROGRAM = 127;
const CANNOT_RUN = 126;

/** Splits our own arguments from CMD at the first `--`. Throws BAD_ARGUMENT when there is no CMD. */
export function splitAtDashes(argv: readonly string[]): {own: string[]; command: [string, ...string[]]} {
  const at = argv.indexOf('--');
  const [file, ...rest] = at < 0 ? [] : argv.slice(at + 1);
  if (file !== undefined) return {own: argv.slice(0, at), command: [file, ...rest]};
  throw new DekError('BAD_ARGUMENT', 'no command given', {hint: 'put it after two dashes: -- CMD ARG...'});
}

/** Signals that reach us while a command of the user's is about to run or runs: they are CMD's, and must not end us. */
export class SignalRelay {
  #child: ChildProcess | undefined;
  #witness: Witness | undefined;
  #first: NodeJS.Signals | undefined;
  readonly #abort = new AbortController();

  constructor() {
    for (const signal of PASSED_ON) process.on(signal, this.#pass);
    process.on('SIGCONT', this.#goOn);
  }

  /** The first signal that came before CMD was there. */
  get first(): NodeJS.Signals | undefined {
    return this.#first;
  }

  /** Fires at that first signal. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** From here on signals go to `child`, but for those that it has got as well as this process: twice is not once. */
  passTo(child: ChildProcess): void {
    this.#child = child;
    this.#witness = new Witness(PASSED_ON);
  }

  /** From here on signals do what they do. */
  stop(): void {
    for (const signal of PASSED_ON) process.off(signal, this.#pass);
    process.off('SIGCONT', this.#goOn);
    this.#witness?.stop();
  }

  readonly #pass = (signal: NodeJS.Signals): void => {
    if (this.#child) {
      setTimeout(() => this.#witness?.hasSeen(signal) || this.#child?.kill(signal), TO_ALL_MS).unref();
      return;
    }
    this.#first ??= signal;
    this.#abort.abort();
  };

  /** It does no harm twice; and before CMD is there it is no reason to give up. */
  readonly #goOn = (): void => {
    this.#child?.kill('SIGCONT');
  };
}

/**
 * Runs CMD with all descriptors that this process was started with, passes signals on, and resolves to its exit status
 * as a shell has it: 128 + n when signal n killed it or came before it was started, 127 when there is no such program,
 * 126 when it cannot be started; the last two are told on stderr.
 */
export async function runChild(
  [file, ...args]: [string, ...string[]],
  env: NodeJS.ProcessEnv,
  relay: SignalRelay,
): Promise<number> {
  if (relay.first) return signalStatus(relay.first);
  try {
    // Some errors are thrown here (ENOTDIR, an empty name), others come as an event (ENOENT, EACCES).
    const inherited = inheritedDescriptors();
    const [program, ...words] = named([file, ...args], env);
    const child = spawn(program, words, {stdio: stdioOf(inherited), env});
    // Else who waits for the end of a pipe would wait for this process as well.
    for (const fd of inherited) fs.closeSync(fd);
    relay.passTo(child);
    return await new Promise((resolve, reject) => {
      child.once('exit', (code, signal) => resolve(code ?? signalStatus(signal)));
      child.once('error', reject);
    });
  } catch (cause) {
    const missing = file === '' || systemCode(cause) === 'ENOENT';
    const reason = missing ? 'no such program' : (systemCode(cause) ?? cause);
    printError(new DekError('NO_INPUT', `cannot run ${file || '""'}: ${reason}`, {cause}), {json: false});
    return missing ? NO_SUCH_PROGRAM : CANNOT_RUN;
  }
}

/** Our stdin, stdout and stderr, and each of these descriptors, under its own number. */
function stdioOf(descriptors: readonly number[]): StdioOptions {
  const stdio: (number | 'ignore')[] = [0, 1, 2];
  for (const fd of descriptors) {
    while (stdio.length < fd) stdio.push('ignore'); // from 3 on that is: closed
    stdio.push(fd);
  }
  return stdio;
}

/**
 * The command whose process has the id that variables for this process name: a shell that becomes CMD, where there are
 * any.
 */
function named(command: readonly [string, ...string[]], env: NodeJS.ProcessEnv): readonly [string, ...string[]] {
  const ours = NAMING_A_PROCESS.filter((name) => env[name] === `${process.pid}`);
  if (ours.length === 0) return command;
  return ['sh', '-c', `${ours.map((name) => `${name}=$$`).join(' ')} exec "$@"`, 'sh', ...command];
}

/** The exit status that a shell gives to a command that signal n ended: 128 + n. */
export function signalStatus(signal: NodeJS.Signals | null): number {
  return 128 + constants.signals[signal ?? 'SIGKILL'];
}
