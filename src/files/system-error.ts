/** The one place where an error of the operating system at a file becomes a DekError that says what it means. */
import {getSystemErrorMap} from 'node:util';
import {DekError, type DekErrorCode, systemCode} from '../errors.js';

/** What was tried. */
export type Attempt = 'read' | 'write' | 'make' | 'remove';

export interface SystemErrorOptions {
  /** The code for something that is not there: NO_INPUT at a read unless said otherwise. */
  missing?: DekErrorCode;
  /** The next step, where the errno has none of its own. */
  hint?: string;
}

type Meaning = readonly [code: DekErrorCode, hint?: string];

const TOO_MANY_FILES = 'raise the limit on open files: ulimit -n, in a unit LimitNOFILE=';
const NO_SPACE = 'free some space on that file system';

/** Whatever was tried; what is not here is IO. */
const MEANINGS: Readonly<Record<string, Meaning>> = {
  EACCES: ['PERMISSION'],
  EPERM: ['PERMISSION'],
  EROFS: ['PERMISSION'],
  EMFILE: ['LIMIT', TOO_MANY_FILES],
  ENFILE: ['LIMIT', TOO_MANY_FILES],
  ENOSPC: ['IO', NO_SPACE],
  EDQUOT: ['IO', NO_SPACE],
  EISDIR: ['BAD_INPUT'],
  EBADF: ['NO_INPUT'],
};

/** A bad file descriptor, as people would say it. */
const NOT_OPEN = {
  read: 'it is not open for reading',
  write: 'it is not open for writing',
  make: 'it is not open',
  remove: 'it is not open',
};

/** `EACCES`: "permission denied", in libuv's words. */
const WORDS = new Map([...getSystemErrorMap().values()]);

/**
 * The DekError for `error`, which came when `name` was to be read, written or made. A DekError stays what it is. `name`
 * is what messages call it: never a secret.
 */
export function systemError(
  attempt: Attempt,
  name: string,
  error: unknown,
  options: SystemErrorOptions = {},
): DekError {
  if (error instanceof DekError) return error;
  const shown = name === '' ? '""' : name;
  const errno = systemCode(error);
  if (errno === 'ERR_INVALID_ARG_VALUE') return new DekError('BAD_ARGUMENT', `${shown} is not a path`, {cause: error});
  if (errno === 'EEXIST' && attempt !== 'make') return existsError(shown);
  const [code, hint = options.hint] = meaningOf(errno, attempt, options.missing);
  const words = wordsOf(errno, attempt);
  return new DekError(code, `cannot ${attempt} ${shown}: ${words}`, {hint, errno, cause: error});
}

/** Whether `error` is that this process, or the system, has too many files open. */
export function isTooManyFiles(error: unknown): boolean {
  return ['EMFILE', 'ENFILE'].includes(systemCode(error) ?? '');
}

/** The DekError for that, at something else than a file; `failed` says what could not be done. */
export function tooManyFiles(failed: string, cause: unknown): DekError<'LIMIT'> {
  const errno = systemCode(cause);
  return new DekError('LIMIT', `${failed}: too many open files`, {hint: TOO_MANY_FILES, errno, cause});
}

/** The DekError for a file that is there already. */
export function existsError(path: string): DekError<'EXISTS'> {
  return new DekError('EXISTS', `${path} exists`, {hint: 'name another file, or replace it with --force'});
}

function wordsOf(errno: string | undefined, attempt: Attempt): string {
  if (errno === 'EBADF') return NOT_OPEN[attempt];
  // What is in the way of a directory is no directory.
  const named = errno === 'EEXIST' ? 'ENOTDIR' : errno;
  return WORDS.get(named ?? '') ?? errno ?? 'unknown error';
}

function meaningOf(errno: string | undefined, attempt: Attempt, missing: DekErrorCode | undefined): Meaning {
  if (attempt === 'make' && (errno === 'EEXIST' || errno === 'ENOTDIR')) return ['BAD_ARGUMENT'];
  if (errno === 'ENOENT' || errno === 'ENOTDIR') return [missing ?? (attempt === 'read' ? 'NO_INPUT' : 'IO')];
  return MEANINGS[errno ?? ''] ?? ['IO'];
}
