/**
 * SPDK's JSON-RPC 2.0 over a unix socket: requests and answers are JSON texts one after the other, without anything
 * between them. Left out: notifications, batches, and every method but the one that takes a key.
 */
import {connect, type Socket} from 'node:net';
import {wipe} from '../bytes.js';
import {DekError, systemCode} from '../errors.js';
import {statNow} from '../files/stat.js';
import {keyRequest} from './key-request.js';

/** SPDK's reactor answers within milliseconds. */
const TIMEOUT_MS = 10_000;
/** Characters of an answer, which is a word or an error. */
export const MAX_ANSWER = 65_536;
/** Characters of its words that are repeated. */
const MAX_WORDS = 200;
/** -EEXIST, in the words by which SPDK passes it on. */
const EXISTS = /exists|-17\b/i;

interface Answer {
  id?: unknown;
  result?: unknown;
  error?: {message?: unknown};
}

/** A connection to an SPDK application. */
export class SpdkClient {
  readonly #socket: Socket;
  readonly #path: string;
  readonly #timeoutMs: number;
  #next = 1;
  #received = '';
  #ended: DekError | undefined;
  #wake: () => void = () => {};

  private constructor(socket: Socket, path: string, timeoutMs: number) {
    this.#socket = socket;
    this.#path = path;
    this.#timeoutMs = timeoutMs;
    socket.setEncoding('utf8');
    socket.on('data', (text: string) => {
      this.#received += text;
      this.#wake();
    });
    const end = (error: DekError): void => {
      this.#ended ??= error;
      this.#wake();
    };
    socket.on('error', (error) => end(lost(path, error)));
    socket.on('close', () => end(new DekError('IO', `${path} was closed by the other side`)));
  }

  /**
   * Connects. Throws NO_INPUT where no application listens; UNSAFE_SECRET for a socket of another user, who would get
   * the keys; PERMISSION, IO. An answer is waited for `timeoutMs`.
   */
  static async connect(path: string, timeoutMs = TIMEOUT_MS): Promise<SpdkClient> {
    assertTrusted(path);
    const socket = connect(path);
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (cause) => reject(lost(path, cause)));
    });
    return new SpdkClient(socket, path, timeoutMs);
  }

  /**
   * Gives the application a key under a name; `keys` are key1 and key2, 32 or 64 bytes. Throws EXISTS for a name that
   * it has, REFUSED with its words, IO when it does not answer in time, or answers what is no answer.
   */
  async createKey(name: string, keys: Uint8Array): Promise<void> {
    const id = this.#next++;
    const request = keyRequest(id, name, keys);
    try {
      await new Promise<void>((resolve) => this.#socket.write(request, () => resolve()));
    } finally {
      wipe(request);
    }
    const {error, result} = await this.#answer(id);
    if (error === undefined && result === true) return;
    const words = typeof error?.message === 'string' ? withoutKeys(error.message) : 'an answer that is none';
    const code = EXISTS.test(words) ? 'EXISTS' : 'REFUSED';
    throw new DekError(code, `SPDK does not take ${JSON.stringify(name)}: ${words}`, {
      hint: HINTS[code],
    });
  }

  /** Ends the connection. */
  close(): void {
    this.#socket.destroy();
  }

  async #answer(id: number): Promise<Answer> {
    const end = performance.now() + this.#timeoutMs;
    for (;;) {
      // Before it is read: an answer that is too long is none, however it ends.
      if (this.#received.length > MAX_ANSWER) throw new DekError('IO', `${this.#path} does not speak JSON-RPC`);
      const answer = this.#take();
      if (answer !== undefined) {
        if (answer.id === id) return answer;
        throw new DekError('IO', `what ${this.#path} answered is no answer to what was asked`);
      }
      if (this.#ended) throw this.#ended;
      const left = end - performance.now();
      if (left <= 0) throw new DekError('IO', `no answer from ${this.#path} within ${this.#timeoutMs / 1000} s`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** The answer that has come, once it is whole. */
  #take(): Answer | undefined {
    try {
      const answer: unknown = JSON.parse(this.#received);
      this.#received = '';
      return typeof answer === 'object' && answer !== null ? (answer as Answer) : {};
    } catch {
      return undefined; // not whole yet, or none: the limits tell
    }
  }
}

const HINTS = {
  EXISTS: 'it has a key of that name already: rpc.py accel_crypto_key_destroy -n NAME takes it away',
  REFUSED: 'see the log of the application; rpc.py accel_get_module_info lists what it encrypts with',
} as const;

/** What the other side says, which may repeat what it was sent, as far as a person reads it. */
function withoutKeys(words: string): string {
  const told = words.replace(/[0-9a-f]{16,}/gi, '(digits)');
  return told.length > MAX_WORDS ? `${told.slice(0, MAX_WORDS)}...` : told;
}

/** The error of a connection that failed. */
function lost(path: string, cause: Error): DekError {
  const errno = systemCode(cause);
  const code = errno === 'ECONNREFUSED' || errno === 'ENOENT' ? 'NO_INPUT' : errno === 'EACCES' ? 'PERMISSION' : 'IO';
  return new DekError(code, `${path} does not take a connection, or lost it (${errno ?? cause.message})`, {
    hint: 'is the SPDK application running, and may this user use its socket?',
    errno,
    cause,
  });
}

function assertTrusted(path: string): void {
  const stats = statNow(path);
  if (stats === undefined) {
    throw new DekError('NO_INPUT', `${path} is not there`, {
      hint: 'is the SPDK application running? its option -r names it',
    });
  }
  if (!stats.isSocket())
    throw new DekError('BAD_ARGUMENT', `${path} is not a socket`, {
      hint: 'name the socket of the SPDK application: its option -r',
    });
  if (stats.uid !== 0n && Number(stats.uid) !== process.geteuid?.()) {
    throw new DekError('UNSAFE_SECRET', `${path} belongs to another user, who would get the keys in plaintext`, {
      hint: 'run this as the user of the SPDK application',
    });
  }
}
