/** Why there was no answer on the agent's socket. */
import {DekError, systemCode} from '../errors.js';
import {statNow} from '../files/stat.js';
import {isTooManyFiles, tooManyFiles} from '../files/system-error.js';

/** The DekError for `cause`, which came of a request to the agent at `socket`. */
export function connectionFailed(socket: string, cause: Error): DekError {
  const code = systemCode(cause);
  if (isNoSocket(socket)) {
    return new DekError('BAD_ARGUMENT', `${socket} is not a socket`, {hint: 'check --socket', cause});
  }
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ECONNREFUSED') {
    return new DekError('NO_AGENT', `no agent listens on ${socket}`, {
      hint: 'start one with: dek agent & or, for the life of one command: dek run -- CMD',
      cause,
    });
  }
  if (code === 'EACCES') {
    return new DekError('PERMISSION', `permission denied on ${socket}`, {
      hint: 'use the agent as its user, as root, or share it with dek agent --group GROUP',
      cause,
    });
  }
  if (code === 'ECONNRESET' || code === 'EPIPE') {
    return new DekError('IO', `the agent on ${socket} broke off before it answered`, {
      hint: 'its log says why, systemctl status dek-agent where systemd starts it; when it ends, its DEKs go with it',
      cause,
    });
  }
  if (isTooManyFiles(cause)) return tooManyFiles(`cannot connect to ${socket}`, cause);
  return new DekError('IO', `the agent on ${socket} failed to answer: ${cause.message}`, {cause});
}

/** Whether something else is at `path`: connect(2) only says that nobody listens. */
function isNoSocket(path: string): boolean {
  try {
    return statNow(path)?.isSocket() === false;
  } catch {
    return false;
  }
}
