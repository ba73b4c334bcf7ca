/** A command of the user's that runs inside ours: `dek run -- CMD`, `dek virtual exec DIR -- CMD`. */
import {type ChildProcess, spawn} from 'node:child_process';
import {constants} from 'node:os';
import {DekError, systemCode} from '../errors.js';
import {printError} from './print-error.js';

const PASSED_ON = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const;
/** The terminal sends these to every process in its foreground, CMD included: passing them on would send them twice. */
const FROM_TERMINAL: readonly string[] = ['SIGINT', 'SIGQUIT'];

/** What a shell exits with when there is no such program, and when it cannot be run: sh(1). */
const NO_SUCH_PROGRAM = 127;
const CANNOT_RUN = 126;

/** Splits our own arguments from CMD at the first `--`. Throws BAD_ARGUMENT when there is no CMD. */
export function splitAtDashes(argv: readonly string[]): {own: string[]; command: [string, ...string[]]} {
  const at = argv.indexOf('--');
  const [file, ...rest] = at < 0 ? [] : argv.slice(at + 1);
  if (file !== undefined) return {own: argv.slice(0, at), command: [file, ...rest]};
  throw new DekError('BAD_ARGUMENT', 'no command was given', {hint: 'put it after two dashes: ... -- CMD ARG...'});
}

/** Signals that reach us while a command of the user's is about to run or runs: they are CMD's, and must not end us. */
export class SignalRelay {
  #child: ChildProcess | undefined;
  #first: NodeJS.Signals | undefined;
  readonly #abort = new AbortController();

  constructor() {
    for (const signal of PASSED_ON) process.on(signal, this.#pass);
  }

  /** The first signal that came before CMD was there. */
  get first(): NodeJS.Signals | undefined {
    return this.#first;
  }

  /** Fires at that first signal. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** From here on signals go to `child`. */
  passTo(child: ChildProcess): void {
    this.#child = child;
  }

  /** From here on signals do what they do. */
  stop(): void {
    for (const signal of PASSED_ON) process.off(signal, this.#pass);
  }

  readonly #pass = (signal: NodeJS.Signals): void => {
    if (!this.#child) {
      if (signal === 'SIGCONT') return; // stopped and gone on: no reason to give up
      this.#first ??= signal;
      this.#abort.abort();
    } else if (!(process.stdin.isTTY && FROM_TERMINAL.includes(signal))) this.#child.kill(signal);
  };
}

/**
 * Runs CMD with our stdin, stdout and stderr, passes signals on, and resolves to its exit status as a shell has it:
 * 128 + n when signal n killed it or came before it was started, 127 when there is no such program, 126 when it cannot
 * be started; the last two are told on stderr.
 */
export async function runChild(
  [file, ...args]: [string, ...string[]],
  env: NodeJS.ProcessEnv,
  relay: SignalRelay,
): Promise<number> {
  if (relay.first) return signalStatus(relay.first);
  try {
    // Some errors are thrown here (ENOTDIR, an empty name), others come as an event (ENOENT, EACCES).
    const child = spawn(file, args, {stdio: 'inherit', env});
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

/** The exit status that a shell gives to a command that signal n ended: 128 + n. */
export function signalStatus(signal: NodeJS.Signals | null): number {
  return 128 + constants.signals[signal ?? 'SIGKILL'];
}
