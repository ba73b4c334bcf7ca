/**
 * Where secrets and wrapped keys come from: `file:PATH`, `fd:N`, `-` (standard input), `cred:NAME` (a systemd credential).
 * What is read goes from the kernel into one buffer of ours; it is decoded from there, and that buffer is wiped.
 * Left out: typing a secret at a terminal (it would be echoed), and the environment and arguments (others can read both).
 */
import fs from 'node:fs';
import {join} from 'node:path';
import {isatty} from 'node:tty';
import {promisify} from 'node:util';
import {hideKey, orList, secretBytes, wipe} from '../bytes.js';
import {DekError, systemCode} from '../errors.js';
import {decode, type Format} from './encoding.js';

const open = promisify(fs.open);
const fstat = promisify(fs.fstat);
const close = promisify(fs.close);
const read = promisify(fs.read);
const sleep = promisify(setTimeout);

/** Where to read. `name` is what messages call it. */
interface Source {
  readonly name: string;
  readonly path?: string;
  readonly fd?: number;
  /** Whether the file's mode has to keep others out. systemd grants its credentials by ACL, which looks like group access. */
  readonly isPrivate: boolean;
  /** When to give up, in ms since 1970; the descriptor is then read without blocking. */
  readonly deadline?: number;
}

const SOURCES_HINT = 'name a source: file:PATH, fd:N, - (standard input) or cred:NAME (a systemd credential)';

/** When a pipe has given nothing for so long, people are told what is waited for. */
const WAIT_NOTICE_MS = 2000;
/** How soon a descriptor in non-blocking mode is asked again. */
const RETRY_MS = 20;
/** How long another process's descriptor may give nothing. */
const FOREIGN_TIMEOUT_MS = 10_000;
/** Room for line breaks around and within hex. */
const LINE_BREAK_BYTES = 64;

/**
 * Reads a secret of one of `lengths` bytes, raw, hex or base64 (by content unless `format` says), into a buffer of its own
 * that the caller wipes. `title` names it in messages. Throws BAD_ARGUMENT (not a source), NO_INPUT, PERMISSION, IO,
 * UNSAFE_SECRET (a file that others can read), BAD_INPUT (wrong length or form).
 */
export async function readSecret(
  spec: string,
  lengths: readonly number[],
  title: string,
  format?: Format,
): Promise<Uint8Array> {
  return readSource(sourceOf(spec, title), lengths, format);
}

/**
 * Reads something wrapped, which is no secret: as `readSecret`, and `spec` may be a plain path as well, and a file may be
 * readable by anyone.
 */
export async function readCiphertext(
  spec: string,
  lengths: readonly number[],
  title: string,
  format?: Format,
): Promise<Uint8Array> {
  return readSource(ciphertextSource(spec, title), lengths, format);
}

/**
 * Opens the source of a secret, checks it as `readSecret` does, and hands its descriptor to `use`, to be read by another
 * process: see `readSecretOf`. Throws the same.
 */
export async function withSecretDescriptor<T>(
  spec: string,
  title: string,
  use: (fd: number, name: string) => Promise<T>,
): Promise<T> {
  return withDescriptor(sourceOf(spec, title), use);
}

/** The same for something wrapped: as `readCiphertext`. */
export async function withCiphertextDescriptor<T>(
  spec: string,
  title: string,
  use: (fd: number, name: string) => Promise<T>,
): Promise<T> {
  return withDescriptor(ciphertextSource(spec, title), use);
}

/**
 * Reads a secret as `readSecret` does, from descriptor `fd` of process `pid`, which has checked where it comes from. Throws
 * PERMISSION when that process is another user's, IO when nothing comes within ten seconds.
 */
export async function readSecretOf(
  {pid, fd}: {pid: number; fd: number},
  lengths: readonly number[],
  title: string,
  format?: Format,
): Promise<Uint8Array> {
  const source = {
    name: `"${title}" descriptor ${fd} of process ${pid}`,
    path: `/proc/${pid}/fd/${fd}`,
    isPrivate: false,
  };
  return readSource({...source, deadline: Date.now() + FOREIGN_TIMEOUT_MS}, lengths, format);
}

/** Throws BAD_ARGUMENT when two of the sources of one command are one stream, which can be read only once. */
export function assertDistinctStreams(...specs: readonly (string | undefined)[]): void {
  const streams = specs.map((spec) => (spec === '-' ? 'fd:0' : spec)).filter((spec) => spec?.startsWith('fd:'));
  if (new Set(streams.map((spec) => Number(spec?.slice(3)))).size === streams.length) return;
  throw new DekError('BAD_ARGUMENT', 'two inputs come from one stream, which can be read only once', {
    hint: 'give one of them as file:PATH, or as fd:N with another descriptor',
  });
}

/** The source of a secret. The text is not repeated unless it is a path: it may be a key that someone put in its place. */
function sourceOf(spec: string, title: string): Source {
  const source = parseSource(spec, title);
  if (source) return source;
  const hint = fs.existsSync(spec) ? `for a file write file:${spec}` : SOURCES_HINT;
  throw new DekError('BAD_ARGUMENT', `"${title}" is not given by a source`, {hint});
}

function ciphertextSource(spec: string, title: string): Source {
  const source = parseSource(spec, title) ?? {name: nameOf(spec, spec, title), path: spec};
  return {...source, isPrivate: false};
}

/** Null when `spec` has the form of none of the sources. */
function parseSource(spec: string, title: string): Source | null {
  if (spec === '-') return {name: `"${title}" standard input`, fd: 0, isPrivate: false};
  if (/^fd:\d{1,9}$/.test(spec)) return {name: `"${title}" ${spec}`, fd: Number(spec.slice(3)), isPrivate: false};
  if (spec.startsWith('file:')) {
    const path = spec.slice(5);
    return {name: nameOf(spec, path, title), path, isPrivate: true};
  }
  if (!spec.startsWith('cred:')) return null;
  const credential = spec.slice(5);
  const directory = process.env['CREDENTIALS_DIRECTORY'];
  const path = join(directory ?? '', credential);
  const name = nameOf(spec, path, title);
  if (credential === '' || credential.includes('/') || credential === '.' || credential === '..') {
    throw new DekError('BAD_ARGUMENT', `${name} is not the name of a credential`);
  }
  if (!directory) {
    throw new DekError('NO_INPUT', `${name} cannot be found: $CREDENTIALS_DIRECTORY is not set`, {
      hint: `run this in a systemd unit with LoadCredential=${hideKey(credential)}:PATH`,
    });
  }
  return {name, path, isPrivate: false};
}

/** What messages call a source. A path that leads nowhere may be a key, and then it is not repeated. */
function nameOf(spec: string, path: string, title: string): string {
  return `"${title}" ${fs.existsSync(path) ? spec : spec.replace(/[^:]+/g, hideKey)}`;
}

async function readSource(source: Source, lengths: readonly number[], format: Format | undefined): Promise<Uint8Array> {
  const waiting = setTimeout(() => process.stderr.write(`waiting for ${source.name}\n`), WAIT_NOTICE_MS);
  const limit = 2 * Math.max(...lengths) + LINE_BREAK_BYTES;
  const content = secretBytes(limit + 1);
  try {
    const length = await readInto(content, source);
    if (length > limit) {
      throw new DekError('BAD_INPUT', `${source.name} holds more than ${limit} bytes, expected ${orList(lengths)}`);
    }
    return decode(content.subarray(0, length), lengths, source.name, format);
  } finally {
    clearTimeout(waiting);
    wipe(content);
  }
}

/** Fills `content` up to the end of the source or of the buffer; returns how many bytes came. */
function readInto(content: Uint8Array, source: Source): Promise<number> {
  return withDescriptor(source, async (fd) => {
    let length = 0;
    while (length < content.length) {
      const {bytesRead} = await readSome(fd, content, length, source);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return length;
  });
}

async function withDescriptor<T>(source: Source, use: (fd: number, name: string) => Promise<T>): Promise<T> {
  const {O_RDONLY, O_NOCTTY, O_NONBLOCK} = fs.constants;
  const flags = O_RDONLY | O_NOCTTY | (source.deadline === undefined ? 0 : O_NONBLOCK);
  try {
    const fd = source.fd ?? (await open(source.path!, flags));
    try {
      checkSource(await fstat(fd), fd, source);
      return await use(fd, source.name);
    } finally {
      if (source.fd === undefined) await close(fd);
    }
  } catch (error) {
    throw error instanceof DekError ? error : explain(error, source);
  }
}

/** As read(2), and waits where that would say EAGAIN. */
export async function readSome(
  fd: number,
  content: Uint8Array,
  offset: number,
  {name, deadline = Number.POSITIVE_INFINITY}: Pick<Source, 'name' | 'deadline'>,
): Promise<{bytesRead: number}> {
  for (;;) {
    try {
      return await read(fd, content, offset, content.length - offset, null);
    } catch (error) {
      // Standard input can be a pipe that whoever shares it has put into non-blocking mode.
      if (systemCode(error) !== 'EAGAIN') throw error;
      if (Date.now() > deadline) throw new DekError('IO', `${name} gave nothing for ${FOREIGN_TIMEOUT_MS / 1000} s`);
      await sleep(RETRY_MS);
    }
  }
}

/** Checks what was opened, not the path: between a check of the path and the open it could have been exchanged. */
function checkSource(stats: fs.Stats, fd: number, {name, path, isPrivate}: Source): void {
  if (isatty(fd)) {
    throw new DekError('BAD_INPUT', `${name} is a terminal`, {
      hint: 'keys are not typed: use a pipe, a redirection (< FILE) or file:PATH',
    });
  }
  if (stats.isDirectory()) throw new DekError('BAD_INPUT', `${name} is a directory`);
  if (path === undefined) {
    if (fd > 2 && belongsToNode(stats, fd)) throw new DekError('NO_INPUT', `${name} is not open for reading`);
    return;
  }
  if (!stats.isFile() && !stats.isFIFO()) throw new DekError('BAD_INPUT', `${name} is neither a file nor a pipe`);
  if (!isPrivate || (stats.mode & 0o077) === 0) return;
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
  throw new DekError('UNSAFE_SECRET', `${name} is open to others: its mode is ${mode}`, {hint: `chmod 600 ${path}`});
}

/**
 * Whether a descriptor is one of Node's own (epoll, eventfd, a pipe to itself), which a number given by mistake can hit: a
 * read would fail strangely, or wait for ever. A pipe is Node's when this process has its writing end too: proc(5), fdinfo.
 */
function belongsToNode(stats: fs.Stats, fd: number): boolean {
  if ((stats.mode & fs.constants.S_IFMT) === 0) return true;
  if (!stats.isFIFO()) return false;
  const pipe = fs.readlinkSync(`/proc/self/fd/${fd}`);
  return fs.readdirSync('/proc/self/fd').some((other) => {
    try {
      if (fs.readlinkSync(`/proc/self/fd/${other}`) !== pipe) return false;
      const flags = /^flags:\s*(\d+)$/m.exec(fs.readFileSync(`/proc/self/fdinfo/${other}`, 'latin1'))?.[1];
      return (Number.parseInt(flags ?? '0', 8) & fs.constants.O_WRONLY) !== 0;
    } catch {
      return false; // closed since the directory was read
    }
  });
}

function explain(error: unknown, {name}: Source): DekError {
  const errno = systemCode(error);
  const options = {errno, cause: error};
  if (errno === 'ENOENT' || errno === 'ENOTDIR') return new DekError('NO_INPUT', `${name} does not exist`, options);
  if (errno === 'EBADF') return new DekError('NO_INPUT', `${name} is not open for reading`, options);
  if (errno === 'EACCES' || errno === 'EPERM') return new DekError('PERMISSION', `${name} may not be read`, options);
  if (errno === 'ERR_INVALID_ARG_VALUE') return new DekError('BAD_ARGUMENT', `${name} is not a path`);
  return new DekError('IO', `${name} cannot be read${errno ? `: ${errno}` : ''}`, options);
}
