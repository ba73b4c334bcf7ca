/**
 * The agent's end of its socket, from the first moment on. What answers, Fastify with its schemas and prom-client,
 * takes longer to load than all else that an agent does at its start: for `dek run` it comes when the first request
 * does, or a little later. Not later still: the files of a running agent may be gone after an upgrade.
 */
import {createServer, type IncomingMessage, type Server, type ServerResponse, STATUS_CODES} from 'node:http';
import type {Socket} from 'node:net';
import type {Duplex} from 'node:stream';
import {DekError, errorJson} from '../../errors.js';
import {jsonText} from '../../printable.js';
import {isKnown, peerOfSocket} from './peers.js';

/** A client that has sent half a body for this long is cut off; Node itself cuts off half a head. */
const BODY_TIMEOUT_MS = 10_000;
/** Room for the names of all DEKs that fit on a command line. */
const MAX_HEAD_BYTES = 2 ** 22;
/** An idle connection is kept this long. */
const KEEP_ALIVE_MS = 72_000;
/** Requests of one connection that wait for their answers: no client needs more than one. */
const MAX_WAITING = 64;
/** Without a request, what answers is loaded this long after the start, when CMD of `dek run` has had the processor. */
const LOAD_AFTER_MS = 1000;

/** What answers: a Fastify instance that is ready. */
export interface RequestHandler {
  routing(request: IncomingMessage, response: ServerResponse): void;
  close(): Promise<unknown>;
}

/** Takes a connection over; `head` is what the client has sent behind its request. */
export type Upgrade = (request: IncomingMessage, socket: Duplex, head: Uint8Array) => void;

export class Listener {
  readonly #http: Server;
  readonly #load: () => Promise<RequestHandler>;
  #handler: Promise<RequestHandler> | undefined;
  #later: NodeJS.Timeout | undefined;
  /** How many requests of a connection wait for their answers. */
  readonly #waiting = new WeakMap<Socket, number>();

  /** `load` is called once; `upgrade` takes a connection over that asks to be one. */
  constructor(load: () => Promise<RequestHandler>, upgrade?: Upgrade) {
    this.#load = load;
    this.#http = createServer({
      maxHeaderSize: MAX_HEAD_BYTES,
      keepAliveTimeout: KEEP_ALIVE_MS,
      requestTimeout: 0,
      requireHostHeader: false, // who has come to this socket means this agent
    });
    this.#http.on('request', (request, response) => void this.#answer(request, response));
    if (upgrade) {
      this.#http.on('upgrade', (request, socket, head) => {
        socket.on('error', () => socket.destroy()); // Node has let go of it: nobody else hears that a client has gone
        upgrade(request, socket, head);
      });
    }
    this.#http.on('clientError', (error, socket) => {
      // What follows a request is garbage: the answer to that may be still under way.
      if (isKnown(socket)) {
        (socket as IncomingMessage['socket']).setTimeout(BODY_TIMEOUT_MS, () => socket.destroy());
      } else if (!socket.writable) socket.destroy();
      else socket.end(bareAnswer(400, badRequest(`this is not an HTTP request: ${error.message}`)));
    });
  }

  /** Listens, and no more where it listened before. */
  listen(where: {path: string} | {fd: number}): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#http.listening) this.#http.close();
      this.#http.once('error', reject);
      this.#http.listen(where, () => {
        this.#http.off('error', reject);
        resolve();
      });
    });
  }

  /** Resolves when what answers is loaded, or cannot be: that is told to whoever asks. */
  async load(): Promise<void> {
    await this.#loaded().catch(() => {});
  }

  /** Has what answers loaded soon, request or none. */
  loadSoon(): void {
    this.#later = setTimeout(() => void this.load(), LOAD_AFTER_MS).unref();
  }

  /** Stops listening, and cuts off every client. */
  async close(): Promise<void> {
    clearTimeout(this.#later);
    const closed = new Promise((resolve) => this.#http.close(resolve));
    // Lets those who read a stream come to its end.
    await this.#handler?.then((handler) => handler.close()).catch(() => {});
    this.#http.closeAllConnections();
    await closed;
  }

  #loaded(): Promise<RequestHandler> {
    this.#handler ??= this.#load();
    return this.#handler;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (this.#isTooMany(request, response)) return;
    limitBody(request);
    try {
      peerOfSocket(request.socket); // as long as it is there to be asked
      const handler = await this.#loaded();
      handler.routing(request, response);
    } catch (cause) {
      request.socket.end(bareAnswer(500, cannotLoad(cause)));
    }
  }

  /** A client that sends on and on, and takes no answer, is cut off: else all that it asks for would be kept. */
  #isTooMany({socket}: IncomingMessage, response: ServerResponse): boolean {
    const waiting = (this.#waiting.get(socket) ?? 0) + 1;
    this.#waiting.set(socket, waiting);
    response.once('close', () => this.#waiting.set(socket, this.#waiting.get(socket)! - 1));
    if (waiting > MAX_WAITING) socket.destroy();
    return socket.destroyed;
  }
}

function limitBody(request: IncomingMessage): void {
  const late = setTimeout(() => {
    if (!request.complete) request.destroy();
  }, BODY_TIMEOUT_MS);
  request.once('close', () => clearTimeout(late));
}

function cannotLoad(cause: unknown): DekError {
  return new DekError('INTERNAL', 'the agent cannot load its server', {hint: 'its log says why', cause});
}

/** An answer without Fastify; `headers` come with it. */
export function bareAnswer(status: 400 | 426 | 500, error: DekError, headers: readonly string[] = []): string {
  const body = jsonText(errorJson(error));
  const head = [`HTTP/1.1 ${status} ${STATUS_CODES[status]}`, 'Connection: close', ...headers];
  const form = ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`];
  return [...head, ...form, '', body].join('\r\n');
}

export function badRequest(message: string): DekError<'BAD_ARGUMENT'> {
  return new DekError('BAD_ARGUMENT', message, {hint: 'dek-agent(8) lists the requests'});
}
