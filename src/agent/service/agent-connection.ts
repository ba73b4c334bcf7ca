/**
 * A service's end of a connection by dek-attach(7). All is received here, never by Node, which would lose the
 * descriptors; so it is looked for again and again, in pauses that grow while nothing comes.
 */
import {once} from 'node:events';
import {closeSync} from 'node:fs';
import {connect, type Socket} from 'node:net';
import {setTimeout as pause} from 'node:timers/promises';
import {DekError} from '../../errors.js';
import {connectionFailed} from '../connection-error.js';
import {receiveMessage, sendMessage} from '../wire/ffi.js';
import {HEADER_BYTES, MAX_PAYLOAD_BYTES, readHeader, UPGRADE_TOKEN} from '../wire/records.js';
import {type AgentRecord, descriptorsOf, readAgentRecord} from './agent-records.js';

/** Of an agent that is there. */
export function notInTime(): DekError {
  return new DekError('IO', 'the agent did not answer in time', {hint: 'its log says what it does'});
}

type LibuvSocket = Socket & {_handle?: {fd: number} | null};

const [FIRST_PAUSE_MS, MOST_PAUSE_MS] = [0.5, 20];
/** The answer to the upgrade. */
const ANSWER_MS = 10_000;
const MAX_HEAD_BYTES = 1024;

const REQUEST = [
  'GET /v1/attach HTTP/1.1',
  'Host: dek',
  'Connection: Upgrade',
  `Upgrade: ${UPGRADE_TOKEN}`,
  '',
  '',
].join('\r\n');

/** A record, and the descriptors that came with it, which are the receiver's to close. */
export interface ReceivedRecord {
  readonly record: AgentRecord;
  readonly fds: readonly number[];
}

export class AgentConnection {
  readonly #socket: LibuvSocket;
  readonly #path: string;
  #incoming: Buffer = Buffer.alloc(0);
  /** Descriptors that no record has taken yet. */
  readonly #fds: number[] = [];
  #isClosed = false;

  private constructor(socket: Socket, path: string) {
    this.#socket = socket;
    this.#path = path;
  }

  /** Connects, and has the agent speak records. Throws NO_AGENT, PERMISSION, IO; IO when `signal` fires. */
  static async open(path: string, signal: AbortSignal): Promise<AgentConnection> {
    const socket = connect({path});
    socket.pause(); // Node does not begin to read
    try {
      await once(socket, 'connect', {signal});
    } catch (error) {
      socket.destroy();
      throw signal.aborted ? notInTime() : connectionFailed(path, error as Error);
    }
    socket.on('error', () => {});
    const connection = new AgentConnection(socket, path);
    try {
      connection.send(Buffer.from(REQUEST));
      await connection.#readHead();
      return connection;
    } catch (error) {
      connection.close();
      throw error;
    }
  }

  get closed(): boolean {
    return this.#isClosed;
  }

  /** Sends a record, and descriptors with its first byte. Throws IO. */
  send(bytes: Uint8Array, fds: readonly number[] = []): void {
    for (let rest = bytes, with_ = fds; rest.length > 0; with_ = []) {
      const sent = sendMessage(this.#socket._handle?.fd ?? -1, rest, with_);
      // What a service says is short: an agent that has not read that much does not read at all.
      if (sent < 0) throw this.#brokeOff();
      rest = rest.subarray(sent);
    }
  }

  /** The next record; undefined when the connection has ended. Throws IO for what is none. */
  async receive(signal?: AbortSignal): Promise<ReceivedRecord | undefined> {
    for (let pauseMs = FIRST_PAUSE_MS; !this.#isClosed; pauseMs = Math.min(1.5 * pauseMs, MOST_PAUSE_MS)) {
      const received = this.#take();
      if (received) return received;
      if (signal?.aborted) throw new DekError('IO', 'it is not waited for any more');
      const got = this.#read();
      if (got === 'end') break;
      if (got === 'more') {
        pauseMs = FIRST_PAUSE_MS;
        continue;
      }
      await pause(pauseMs, undefined, {signal}).catch(() => {});
    }
    this.close();
    return undefined;
  }

  close(): void {
    this.#isClosed = true;
    for (const fd of this.#fds.splice(0)) closeSync(fd);
    this.#socket.destroy();
  }

  async #readHead(): Promise<void> {
    const deadline = performance.now() + ANSWER_MS;
    for (;;) {
      const end = this.#incoming.indexOf('\r\n\r\n');
      if (end >= 0) {
        const status = this.#incoming.toString('latin1', 0, end).split('\r\n')[0];
        this.#incoming = this.#incoming.subarray(end + 4);
        if (status?.startsWith('HTTP/1.1 101 ')) return;
        throw new DekError('UNSUPPORTED', `what listens on ${this.#path} knows neither lend nor attach`, {
          hint: `it answered: ${status}; update the agent`,
        });
      }
      const got = this.#read();
      if (got === 'end' || this.#incoming.length > MAX_HEAD_BYTES + HEADER_BYTES + MAX_PAYLOAD_BYTES) {
        throw this.#brokeOff();
      }
      if (performance.now() > deadline) throw new DekError('IO', `the agent on ${this.#path} does not answer`);
      if (got === 'nothing') await pause(1);
    }
  }

  #read(): 'more' | 'nothing' | 'end' {
    const got = receiveMessage(this.#socket._handle?.fd ?? -1, HEADER_BYTES + MAX_PAYLOAD_BYTES);
    if (got === null) return 'nothing';
    if (typeof got === 'number') return 'end';
    this.#fds.push(...got.fds);
    if (got.isCut || got.bytes.length === 0) return 'end';
    this.#incoming = Buffer.concat([this.#incoming, got.bytes]);
    return 'more';
  }

  #take(): ReceivedRecord | undefined {
    while (this.#incoming.length >= HEADER_BYTES) {
      const {type, length} = readHeader(this.#incoming);
      if (this.#incoming.length < HEADER_BYTES + length) return undefined;
      const payload = this.#incoming.subarray(HEADER_BYTES, HEADER_BYTES + length);
      const record = readAgentRecord(type, payload);
      this.#incoming = this.#incoming.subarray(HEADER_BYTES + length);
      const count = descriptorsOf(type);
      const fds = this.#fds.splice(0, count);
      if (fds.length < count) throw new DekError('IO', 'a record without its descriptor');
      if (record) return {record, fds};
    }
    return undefined;
  }

  #brokeOff(): DekError {
    return new DekError('IO', `the agent on ${this.#path} broke off`, {hint: 'its log says why'});
  }
}
