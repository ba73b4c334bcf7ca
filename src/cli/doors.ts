/**
 * The doors that Node opens into a running process, shut before a command comes to a secret. bin/dek.cjs takes SIGUSR1
 * before anything else; here is what the caller opened before that line. A preloaded module or library, which is code
 * of the caller's own and runs first, is left to the caller: SECURITY.md.
 */
import {DekError} from '../errors.js';

/**
 * Options that write to a file what the process holds: its heap, its stack and environment, the keys of its
 * connections.
 */
const WRITES_STATE =
  /^--(?:heapsnapshot-(?:signal|near-heap-limit)|report-(?:on-signal|on-fatalerror|uncaught-exception)|tls-keylog)$/;
/** They print what streams carry. Node has read them by now: to unset them would be too late. */
const PRINTS_STATE = ['NODE_DEBUG', 'NODE_DEBUG_NATIVE'] as const;

/** When the thread of Node's that a SIGUSR1 woke before our first line has long done its work. */
const LATE_MS = 500;

/** Shuts the inspector, and throws UNSAFE_SECRET when it was open or the caller asked for another door. */
export async function shutDoors(): Promise<void> {
  const variable = PRINTS_STATE.find((name) => process.env[name]);
  if (variable !== undefined) throw refused(`${variable} makes Node print what goes through this process`, variable);
  const option = nodeOptions().find((word) => WRITES_STATE.test(word));
  if (option !== undefined)
    throw refused(`Node's ${option} writes the state of this process to a file`, 'NODE_OPTIONS');
  // That thread may be late by milliseconds. A command that is still at work then goes on, with the inspector shut.
  setTimeout(shutInspector, LATE_MS).unref();
  if (await shutInspector()) {
    throw new DekError(
      'UNSAFE_SECRET',
      "Node's inspector was open: any user of this machine could run code in this process",
      {
        hint: `start it without --inspect, and send it no SIGUSR1 while it starts; ${forCommand('NODE_OPTIONS')}`,
      },
    );
  }
}

/** Whether it was open. Ends the connections to it: a process does not end while a debugger is attached. */
async function shutInspector(): Promise<boolean> {
  if (!process.features.inspector) return false;
  const inspector = await import('node:inspector');
  if (inspector.url() === undefined) return false;
  inspector.close();
  return true;
}

/** The options that Node was started with, without their values, spelt with dashes as Node takes both. */
function nodeOptions(): string[] {
  const words = [...process.execArgv, ...(process.env['NODE_OPTIONS'] ?? '').split(/[\s"]+/)];
  return words.map((word) => word.replace(/=.*/s, '').replaceAll('_', '-'));
}

function refused(message: string, variable: string): DekError<'UNSAFE_SECRET'> {
  return new DekError('UNSAFE_SECRET', message, {hint: `start it without; ${forCommand(variable)}`});
}

function forCommand(variable: string): string {
  return `for a CMD after -- alone: ... -- env ${variable}=... CMD`;
}
