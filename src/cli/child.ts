/** A command of the user's that runs inside ours: `dek run -- CMD`, `dek virtual exec DIR -- CMD`. */
import {spawn} from 'node:child_process';
import {constants} from 'node:os';
import {DekError, systemCode} from '../errors.js';

const PASSED_ON = ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT'] as const;
/** The terminal sends these to every process in its foreground, CMD included: passing them on would send them twice. */
const FROM_TERMINAL: readonly string[] = ['SIGINT', 'SIGQUIT'];

/** Splits our own arguments from CMD at the first `--`. Throws BAD_ARGUMENT when there is no CMD. */
export function splitAtDashes(argv: readonly string[]): {own: string[]; command: [string, ...string[]]} {
  const at = argv.indexOf('--');
  const [file, ...rest] = at < 0 ? [] : argv.slice(at + 1);
  if (file !== undefined) return {own: argv.slice(0, at), command: [file, ...rest]};
  throw new DekError('BAD_ARGUMENT', 'no command was given', {hint: 'put it after two dashes: ... -- CMD ARG...'});
}

/**
 * Runs CMD with our stdin, stdout and stderr, passes signals on, and resolves to its exit status (128 + n when signal
 * n killed it). Throws NO_INPUT when there is no such program, IO when it cannot be started.
 */
export async function runChild([file, ...args]: [string, ...string[]], env: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(file, args, {stdio: 'inherit', env});
  const passOn = (signal: NodeJS.Signals): void => {
    if (!(process.stdin.isTTY && FROM_TERMINAL.includes(signal))) child.kill(signal);
  };
  for (const signal of PASSED_ON) process.on(signal, passOn);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal ?? 'SIGKILL']));
    });
  } catch (error) {
    const missing = systemCode(error) === 'ENOENT';
    throw new DekError(
      missing ? 'NO_INPUT' : 'IO',
      `cannot run ${file}: ${missing ? 'no such program' : systemCode(error)}`,
      {
        cause: error,
      },
    );
  } finally {
    for (const signal of PASSED_ON) process.off(signal, passOn);
  }
}
