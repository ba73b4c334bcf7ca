/**
 * A connection after its upgrade: records with descriptors, which libuv loses when it reads and cannot send. What comes
 * first, with descriptors, is received here; what follows has none and comes as data of Node's socket. All is sent
 * here, in order, and Node's own queue stays empty.
 */
import {closeSync} from 'node:fs';
import type {Socket} from 'node:net';
import {setTimeout as pause, setImmediate as turnOfTheLoop} from 'node:timers/promises';
import {ProtocolFault} from '../wire/fault.js';
import {receiveMessage, sendMessage} from '../wire/ffi.js';
import {type ClientRecord, HEADER_BYTES, MAX_PAYLOAD_BYTES, readClientRecord, readHeader} from '../wire/records.js';

/** Node's socket, with what it has of libuv's. */
type LibuvSocket = Socket & {_handle?: {fd: number; reading: boolean; readStart(): void; readStop(): void} | null};

/** How long the first record may take. */
const FIRST_RECORD_MS = 10_000;
/** How soon it is looked for again, and how the pause grows. */
const [FIRST_PAUSE_MS, MOST_PAUSE_MS] = [0.5, 20];
/** What a first record brings, and what one receive has room for. */
const MOST_FDS = 4;
/** What may wait for a client that does not read, and how long. */
const MAX_WAITING_BYTES = 2 ** 20;
const SEND_AGAIN_MS = 5;
const SEND_TIMEOUT_MS = 30_000;

interface Outgoing {
  bytes: Uint8Array;
  /** Go with the first byte; closed when they are sent, or never will be. */
  fds: number[];
}

/** The first record, and the descriptors that came with it, which are the receiver's to close. */
export interface First {
  readonly record: ClientRecord;
  readonly fds: readonly number[];
}

export class Connection {
  readonly #socket: LibuvSocket;
  readonly #closed = new AbortController();
  #outgoing: Outgoing[] = [];
  #waitingBytes = 0;
  #retry: NodeJS.Timeout | undefined;
  #stuckSince = 0;
  #ending = false;
  /** What came and is not a whole record yet. */
  #incoming: Buffer = Buffer.alloc(0);

  /** Takes the socket over: from here on Node does not read it, until `listen`. */
  constructor(socket: Socket) {
    this.#socket = socket;
    const {_handle: handle} = this.#socket;
    if (handle) {
      handle.readStop();
      handle.reading = false;
    }
    socket.setTimeout(0);
    socket.on('error', () => this.#gone());
    socket.once('close', () => this.#gone());
  }

  /** Fires when the connection is no more. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** The first record. Rejects with a ProtocolFault, also when none comes within 10 s or the client goes. */
  async first(signal: AbortSignal): Promise<First> {
    const fds: number[] = [];
    const deadline = performance.now() + FIRST_RECORD_MS;
    let pauseMs = FIRST_PAUSE_MS;
    try {
      for (;;) {
        const record = this.#takeRecord();
        if (record) return {record, fds};
        if (performance.now() > deadline) throw new ProtocolFault('the first record took more than 10 s');
        if (signal.aborted) throw new ProtocolFault('the agent ends');
        if (this.#receive(fds)) {
          if (fds.length > MOST_FDS) throw new ProtocolFault('more descriptors than a record may bring');
          await turnOfTheLoop(); // one that never stops to send keeps nobody else waiting
          continue;
        }
        await pause(pauseMs, undefined, {signal}).catch(() => {});
        pauseMs = Math.min(1.5 * pauseMs, MOST_PAUSE_MS);
      }
    } catch (error) {
      for (const fd of fds) closeSync(fd);
      throw error;
    }
  }

  /** From now on calls `hear` for each record, and with a ProtocolFault for what is none. */
  listen(hear: (record: ClientRecord | ProtocolFault) => void): void {
    const hearAll = (): void => {
      try {
        for (let record = this.#takeRecord(); record && !this.closed.aborted; record = this.#takeRecord()) hear(record);
      } catch (error) {
        this.#socket.removeAllListeners('data');
        if (!(error instanceof ProtocolFault)) throw error;
        hear(error);
      }
    };
    this.#socket.on('data', (bytes: Buffer) => {
      this.#incoming = Buffer.concat([this.#incoming, bytes]);
      hearAll();
    });
    this.#socket.once('end', () => this.#gone());
    hearAll();
    this.#socket.resume();
    const {_handle: handle} = this.#socket;
    if (handle && !handle.reading) {
      // The stream takes itself to be reading, and would not ask for it.
      handle.reading = true;
      handle.readStart();
    }
  }

  /** Sends a record, and with its first byte descriptors, which are closed after. Nothing when the client is gone. */
  send(bytes: Uint8Array, fds: number[] = []): void {
    if (this.closed.aborted || this.#ending) {
      closeAll(fds);
      return;
    }
    this.#outgoing.push({bytes, fds});
    this.#waitingBytes += bytes.length;
    if (!this.#retry) this.#flush();
    if (this.#waitingBytes > MAX_WAITING_BYTES) this.#gone();
  }

  /** Closes when all is sent that was given. */
  end(): void {
    if (this.#outgoing.length === 0) this.#gone();
    else this.#ending = true;
  }

  /** Whether anything came. Throws ProtocolFault at the end. */
  #receive(fds: number[]): boolean {
    const socket = this.#socket._handle?.fd ?? -1;
    const got = socket < 0 || this.closed.aborted ? 0 : receiveMessage(socket, HEADER_BYTES + MAX_PAYLOAD_BYTES);
    if (got === null) return false;
    if (typeof got === 'number') throw new ProtocolFault('the client has gone');
    fds.push(...got.fds);
    if (got.isCut) throw new ProtocolFault('more descriptors than a record may bring');
    if (got.bytes.length === 0) throw new ProtocolFault('the client has gone');
    this.#incoming = Buffer.concat([this.#incoming, got.bytes]);
    return true;
  }

  /** The next record that is whole, of those that are known; undefined when there is none yet. */
  #takeRecord(): ClientRecord | undefined {
    while (this.#incoming.length >= HEADER_BYTES) {
      const {type, version, length} = readHeader(this.#incoming);
      if (this.#incoming.length < HEADER_BYTES + length) return undefined;
      const payload = this.#incoming.subarray(HEADER_BYTES, HEADER_BYTES + length);
      this.#incoming = this.#incoming.subarray(HEADER_BYTES + length);
      const record = readClientRecord(type, version, payload);
      if (record) return record;
    }
    return undefined;
  }

  #flush(): void {
    this.#retry = undefined;
    for (let next = this.#outgoing[0]; next; next = this.#outgoing[0]) {
      const sent = sendMessage(this.#socket._handle?.fd ?? -1, next.bytes, next.fds);
      if (sent === AGAIN) {
        this.#stuckSince ||= performance.now();
        if (performance.now() - this.#stuckSince > SEND_TIMEOUT_MS) break;
        this.#retry = setTimeout(() => this.#flush(), SEND_AGAIN_MS);
        return;
      }
      if (sent < 0) break;
      this.#stuckSince = 0;
      this.#waitingBytes -= sent;
      closeAll(next.fds);
      next.fds = [];
      next.bytes = next.bytes.subarray(sent);
      if (next.bytes.length === 0) this.#outgoing.shift();
    }
    if (this.#outgoing.length > 0 || this.#ending) this.#gone();
  }

  #gone(): void {
    if (this.closed.aborted) return;
    clearTimeout(this.#retry);
    for (const {fds} of this.#outgoing) closeAll(fds);
    this.#outgoing = [];
    this.#socket.destroy();
    this.#closed.abort();
  }
}

/** -EAGAIN */
const AGAIN = -11;

export function closeAll(fds: readonly number[]): void {
  for (const fd of fds) closeSync(fd);
}
