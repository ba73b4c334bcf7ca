/** A REFUSAL of dek-attach(7) as an error of the program that asked. */
import {getSystemErrorName} from 'node:util';
import {DekError, type DekErrorCode} from '../../errors.js';

const CODES: Readonly<Record<string, DekErrorCode>> = {
  EACCES: 'PERMISSION',
  EAGAIN: 'NOT_READY',
  EBUSY: 'EXISTS',
  EINVAL: 'BAD_ARGUMENT',
  ENODEV: 'NO_DEVICE',
  ENOENT: 'NO_DEK',
  ENOSPC: 'LIMIT',
  EOPNOTSUPP: 'UNSUPPORTED',
  ENOTSUP: 'UNSUPPORTED',
};

/** What the agent refused, and why. */
export class Refusal extends DekError {
  constructor({errno, text}: {errno: number; text: string}) {
    const name = errno > 0 ? getSystemErrorName(-errno) : 'EIO';
    super(CODES[name] ?? 'IO', `the agent refused: ${text}`, {errno: name});
  }
}

/** Whether an agent that is started next may do what this one did not: it ended, starts, or is not there. */
export function isWorthATry(error: unknown): boolean {
  if (error instanceof Refusal) return error.errno === 'EAGAIN' || error.errno === 'ECANCELED';
  return error instanceof DekError && (error.code === 'IO' || error.code === 'NO_AGENT');
}
