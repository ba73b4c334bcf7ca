/**
 * Reads secrets and wrapped keys from their sources, which sources/table.ts lists.
 * What is read goes from the kernel into one buffer of ours; it is decoded from there, and that buffer is wiped.
 * Left out: typing a secret at a terminal (it would be echoed), and the environment and arguments (others can read
 * both).
 */

import fs from 'node:fs';
import {isatty} from 'node:tty';
import {promisify} from 'node:util';
import {orList, secretBytes, wipe} from '../bytes.js';
import {Deadline, type Limit} from '../deadline.js';
import {DekError, systemCode} from '../errors.js';
import {flagsIn} from '../files/descriptor.js';
import {systemError} from '../files/system-error.js';
import {lockedBytes, lockedCopy} from '../memory/arena.js';
import {printable} from '../printable.js';
import {decode, type Format} from './encoding.js';
import {beginsAsJson, JSON_MISMATCH, type Mismatch} from './mismatch.js';
import type {Source, Started} from './sources/source.js';
import {ciphertextSource, sourceOf} from './spec.js';

const open = promisify(fs.open);
const fstat = promisify(fs.fstat);
const close = promisify(fs.close);
const read = promisify(fs.read);
const exists = promisify(fs.exists);
const readFile = promisify(fs.readFile);
const sleep = promisify(setTimeout);

/** When a pipe has given nothing for so long, people are told what is waited for. */
const WAIT_NOTICE_MS = 2000;
/** How soon a descriptor in non-blocking mode is asked again. */
const RETRY_MS = 20;
/** How long a byte may be in text: `0x0f` after some spaces, a line each, in UTF-16, which is told apart. */
const TEXT_BYTES = 32;
/** open(2), on the architectures that dek runs on; Node does not name it. */
const O_PATH = 0o10000000;

/**
 * Reads a secret of one of `lengths` bytes, raw, hex or base64 (by content unless `format` says), into a buffer of its
 * own that the caller wipes. `title` names it in messages. Throws BAD_ARGUMENT (not a source), NO_INPUT, PERMISSION,
 * IO, UNSAFE_SECRET (a file that others can read), BAD_INPUT (wrong length or form). Without `limit` it waits for ever,
 * and a person is told so; with it, which is for a process that serves others, IO ends it.
 */
export async function readSecret(
  spec: string,
  lengths: readonly number[],
  title: string,
  format?: Format,
  limit?: Limit,
): Promise<Uint8Array> {
  return readSource(await limitedSource(spec, title, limit, sourceOf), lengths, format);
}

/**
 * Reads a secret that is no key, such as a PIN or a key in PEM, as it stands; the caller wipes it. Throws what
 * `readSecret` throws, BAD_INPUT when it is empty or longer than `maxBytes`.
 */
export async function readSecretText(
  spec: string,
  maxBytes: number,
  title: string,
  limit?: Limit,
): Promise<Uint8Array> {
  return readText(await limitedSource(spec, title, limit, sourceOf), maxBytes);
}

/** The same of what is no secret, such as a certificate: `spec` may be a plain path, and others may read the file. */
export async function readPublicText(
  spec: string,
  maxBytes: number,
  title: string,
  limit?: Limit,
): Promise<Uint8Array> {
  return readText(await limitedSource(spec, title, limit, ciphertextSource), maxBytes);
}

function readText(source: Source, maxBytes: number): Promise<Uint8Array> {
  return withContent(source, maxBytes, (content) => {
    if (content.length > 0 && content.length <= maxBytes) return lockedCopy(content);
    const is = content.length === 0 ? 'is empty' : `holds more than ${maxBytes} bytes`;
    throw new DekError('BAD_INPUT', `${source.name} ${is}`);
  });
}

async function limitedSource(
  spec: string,
  title: string,
  limit: Limit | undefined,
  find: (spec: string, title: string) => Promise<Source>,
): Promise<Source> {
  if (!limit) return limited(await find(spec, title));
  // What it is called depends on whether it is there, which is asked on this thread.
  const look = () => exists(spec.replace(/^file:/, ''));
  await new Deadline(`"${title}"`, limit).wait(look);
  const source = await find(spec, title);
  return {...source, deadline: new Deadline(source.name, limit), awaitsWriter: true};
}

/** With the limit that its kind has by itself. */
function limited(source: Source): Source {
  const {timeoutMs, name} = source;
  if (timeoutMs === undefined) return source;
  return {...source, deadline: new Deadline(name, {timeoutMs, signal: new AbortController().signal})};
}

/**
 * Reads something wrapped, which is no secret: as `readSecret`, and `spec` may be a plain path as well, and a file may
 * be readable by anyone.
 */
export async function readCiphertext(
  spec: string,
  lengths: readonly number[],
  title: string,
  format?: Format,
): Promise<Uint8Array> {
  return readSource(limited(await ciphertextSource(spec, title)), lengths, format);
}

/** Reads on where the last call ended, into `content` from `offset` on; 0 bytes are the end. */
export type ReadOn = (content: Uint8Array, offset: number) => Promise<number>;

/** Opens the source of many secrets, checks it as `readSecret` does, and hands it to `use`. Throws the same. */
export async function withSecretStream<T>(
  spec: string,
  title: string,
  use: (read: ReadOn, name: string) => Promise<T>,
): Promise<T> {
  return withOpen(await sourceOf(spec, title), ({name, readOn}) => use(readOn, name));
}

/** The same for something wrapped: as `readCiphertext`. */
export async function withCiphertextStream<T>(
  spec: string,
  title: string,
  use: (read: ReadOn, name: string) => Promise<T>,
): Promise<T> {
  return withOpen(await ciphertextSource(spec, title), ({name, readOn}) => use(readOn, name));
}

/**
 * Opens the source of a secret of at most `maxBytes` bytes, checks it as `readSecret` does, and hands its descriptor to
 * `use`, to be read by another process: see `readSecretOf`. What has to be ended before it is believed is read here
 * first, and given on in a pipe. Throws what `readSecret` throws.
 */
export async function withSecretDescriptor<T>(
  spec: string,
  maxBytes: number,
  title: string,
  use: (fd: number) => Promise<T>,
): Promise<T> {
  const source = await sourceOf(spec, title);
  if (!source.start) return withOpen(source, ({fd}) => use(fd));
  const content = await readSecretText(spec, TEXT_BYTES * maxBytes, title);
  const {pipeOf} = await import('./sources/pipe.js');
  try {
    return await withOpen({name: source.name, isPrivate: false, start: async () => pipeOf(content)}, ({fd}) => use(fd));
  } finally {
    wipe(content);
  }
}

/**
 * Reads a secret as `readSecret` does, from descriptor `fd` of process `pid`, which has checked where it comes from.
 * Throws PERMISSION when that process is another user's, NO_INPUT when it could not read it itself, IO at the limit.
 */
export async function readSecretOf(
  {pid, fd}: {pid: number; fd: number},
  lengths: readonly number[],
  title: string,
  format: Format | undefined,
  limit: Limit,
): Promise<Uint8Array> {
  const name = `"${title}" descriptor ${fd} of process ${pid}`;
  const source = {name, path: `/proc/${pid}/fd/${fd}`, isPrivate: false, deadline: new Deadline(name, limit)};
  await assertReadable(pid, fd, name);
  return readSource(source, lengths, format);
}

/**
 * To open a descriptor again by its name in /proc asks for the rights of the file, not for what the descriptor was
 * opened for: with O_PATH that took no right to the file at all. So that is looked at first: proc(5), fdinfo.
 */
async function assertReadable(pid: number, fd: number, name: string): Promise<void> {
  let flags: number;
  try {
    flags = flagsIn(await readFile(`/proc/${pid}/fdinfo/${fd}`, 'latin1'));
  } catch (error) {
    throw systemError('read', name, error);
  }
  if (flags >= 0 && (flags & (fs.constants.O_WRONLY | O_PATH)) === 0) return;
  throw new DekError('NO_INPUT', `cannot read ${name}: it is not open for reading`);
}

function readSource(source: Source, lengths: readonly number[], format: Format | undefined): Promise<Uint8Array> {
  const limit = TEXT_BYTES * Math.max(...lengths);
  return withContent(source, limit, (content) => {
    if (content.length <= limit) return decode(content, lengths, source.name, format, allocatorOf(source));
    const {message, hint}: Mismatch = beginsAsJson(content)
      ? JSON_MISMATCH
      : {message: `holds more than ${limit} bytes`};
    throw new DekError('BAD_INPUT', `${source.name} ${message}, expected ${orList(lengths)}`, {hint});
  });
}

/** Calls `use` with what the source holds, or with one byte more than `limit` of it; that is wiped then. */
async function withContent<T>(source: Source, limit: number, use: (content: Uint8Array) => T): Promise<T> {
  const notice = (): unknown => source.deadline ?? process.stderr.write(`waiting for ${printable(source.name)}\n`);
  const waiting = setTimeout(notice, WAIT_NOTICE_MS);
  const content = allocatorOf(source)(limit + 1);
  try {
    return use(content.subarray(0, await readInto(content, source)));
  } finally {
    clearTimeout(waiting);
    wipe(content);
  }
}

/** Locked memory costs Koffi, some 10 ms. */
function allocatorOf({isCiphertext}: Source): (length: number) => Uint8Array {
  return isCiphertext ? secretBytes : lockedBytes;
}

/** Fills `content` up to the end of the source or of the buffer; returns how many bytes came. */
function readInto(content: Uint8Array, source: Source): Promise<number> {
  return withOpen(source, async ({readOn, isPipe}) => {
    let length = 0;
    while (length < content.length) {
      const bytesRead = await readOn(content, length);
      length += bytesRead;
      if (bytesRead > 0) continue;
      if (length > 0 || !source.awaitsWriter || !isPipe) break;
      source.deadline?.check();
      await sleep(RETRY_MS);
    }
    return length;
  });
}

interface OpenSource {
  readonly name: string;
  readonly fd: number;
  /** Whether it has a name that others may open to write. */
  readonly isPipe: boolean;
  readonly readOn: ReadOn;
}

async function withOpen<T>(source: Source, use: (open: OpenSource) => Promise<T>): Promise<T> {
  const {deadline, name, start, path} = source;
  try {
    if (start) return await withStarted(await start(deadline), source, use);
    const fd = source.fd ?? (await openPath(path!, deadline));
    try {
      const stats = await inTime(deadline, () => fstat(fd));
      checkSource(stats, fd, source);
      const readOn: ReadOn = (content, offset) => readSome(fd, content, offset, deadline);
      return await use({name, fd, isPipe: stats.isFIFO(), readOn});
    } finally {
      // What is given up on may hang in its close as well.
      const closed = source.fd === undefined ? close(fd) : undefined;
      if (deadline?.isOver) closed?.catch(() => {});
      else await closed;
    }
  } catch (error) {
    throw systemError('read', name, error);
  }
}

function openPath(path: string, deadline: Deadline | undefined): Promise<number> {
  const {O_RDONLY, O_NOCTTY, O_NONBLOCK} = fs.constants;
  const flags = O_RDONLY | O_NOCTTY | (deadline === undefined ? 0 : O_NONBLOCK);
  return inTime(
    deadline,
    () => open(path, flags),
    (late) => void close(late).catch(() => {}),
  );
}

/** Its end is part of what it gives: whoever reads up to it learns there whether all before it counts. */
async function withStarted<T>(
  started: Started,
  {name, deadline}: Source,
  use: (open: OpenSource) => Promise<T>,
): Promise<T> {
  const {fd} = started;
  let isAtEnd = false;
  const readOn: ReadOn = async (content, offset) => {
    if (isAtEnd) return 0;
    const bytesRead = await readSome(fd, content, offset, deadline);
    isAtEnd = bytesRead === 0;
    if (isAtEnd) await started.end(false);
    return bytesRead;
  };
  try {
    return await use({name, fd, isPipe: false, readOn});
  } finally {
    await started.end(true);
  }
}

function inTime<T>(deadline: Deadline | undefined, begin: () => Promise<T>, late?: (value: T) => void): Promise<T> {
  return deadline ? deadline.wait(begin, late) : begin();
}

/** As read(2), and waits where that would say EAGAIN. Returns how many bytes came. */
async function readSome(
  fd: number,
  content: Uint8Array,
  offset: number,
  deadline: Deadline | undefined,
): Promise<number> {
  for (;;) {
    try {
      const reading = () => read(fd, content, offset, content.length - offset, null);
      // By the time that a read which was given up on is done, the buffer was wiped: once more.
      return (await inTime(deadline, reading, () => wipe(content))).bytesRead;
    } catch (error) {
      // Standard input can be a pipe that whoever shares it has put into non-blocking mode.
      if (systemCode(error) !== 'EAGAIN') throw error;
      deadline?.check();
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
    if (fd > 2 && belongsToNode(stats, fd))
      throw new DekError('NO_INPUT', `cannot read ${name}: it is not open for reading`);
    return;
  }
  if (!stats.isFile() && !stats.isFIFO()) throw new DekError('BAD_INPUT', `${name} is neither a file nor a pipe`);
  if (!isPrivate || (stats.mode & 0o077) === 0) return;
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
  throw new DekError('UNSAFE_SECRET', `${name} is open to others: its mode is ${mode}`, {
    hint: `chmod 600 ${path}; or, of a secret that is mounted read-only, give it as standard input: - < ${path}`,
  });
}

/**
 * Whether a descriptor is one of Node's own (epoll, eventfd, a pipe to itself), which a number given by mistake can
 * hit: a read would fail strangely, or wait for ever. A pipe is Node's when this process has its writing end too:
 * proc(5), fdinfo.
 */
function belongsToNode(stats: fs.Stats, fd: number): boolean {
  if ((stats.mode & fs.constants.S_IFMT) === 0) return true;
  if (!stats.isFIFO()) return false;
  const pipe = fs.readlinkSync(`/proc/self/fd/${fd}`);
  return fs.readdirSync('/proc/self/fd').some((other) => {
    try {
      if (fs.readlinkSync(`/proc/self/fd/${other}`) !== pipe) return false;
      return (flagsIn(fs.readFileSync(`/proc/self/fdinfo/${other}`, 'latin1')) & fs.constants.O_WRONLY) !== 0;
    } catch {
      return false; // closed since the directory was read
    }
  });
}
