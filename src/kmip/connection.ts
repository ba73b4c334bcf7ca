/** A connection to a KMIP server: TLS with certificates on both sides, requests and answers one by one. */
import net from 'node:net';
import tls from 'node:tls';
import {systemCode} from '../errors.js';
import {TAG} from './tags.js';
import {HEADER_BYTES, parseHeader, TYPE} from './ttlv.js';
import type {Host} from './uri.js';

/** More than a page of what is located takes. */
const MAX_RESPONSE_BYTES = 2 ** 20;

/** What TLS needs, PEM. */
export interface Credentials {
  readonly cert: Uint8Array;
  readonly key: Uint8Array;
  readonly ca: Uint8Array;
}

/** A server that cannot be reached, is not who it should be, or leaves: another may do. The message tells which. */
export class HostLost extends Error {}

/** What TLS and the system say, in our words. */
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nothing listens there',
  ECONNRESET: 'it closed the connection',
  EPIPE: 'it closed the connection',
  EHOSTUNREACH: 'there is no way to it',
  ENETUNREACH: 'there is no way to it',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'no name server answers',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another host',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is signed by nobody in ca=',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is signed by nobody in ca=',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is signed by nobody in ca=',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'its certificate is signed by nobody in ca=',
  CERT_SIGNATURE_FAILURE: 'its certificate is signed by nobody in ca=',
};
/** OpenSSL's names of what the other side did not like. */
const REFUSES_US = /ALERT_(?:UNKNOWN_CA|CERTIFICATE_|BAD_CERTIFICATE|ACCESS_DENIED|HANDSHAKE_FAILURE|NO_CERTIFICATE)/;

export class Connection {
  readonly #socket: tls.TLSSocket;
  readonly #timeoutMs: number;
  #chunks: Buffer[] = [];
  #length = 0;
  #lost: HostLost | undefined;
  #wake = (): void => {};

  /** Resolves when the server has shown who it is. Throws HostLost. */
  static async open(host: Host, context: tls.SecureContext, timeoutMs: number): Promise<Connection> {
    const socket = tls.connect({
      ...host,
      secureContext: context,
      // The name in a certificate is that of a host; an address has its own field, and is no server name: RFC 6066.
      ...(net.isIP(host.host) === 0 ? {servername: host.host} : {}),
      minVersion: 'TLSv1.2',
    });
    const connection = new Connection(socket, timeoutMs);
    await connection.#until(() => socket.authorized, 'it does not answer');
    return connection;
  }

  private constructor(socket: tls.TLSSocket, timeoutMs: number) {
    this.#socket = socket;
    this.#timeoutMs = timeoutMs;
    socket.on('secureConnect', () => this.#wake());
    socket.on('data', (chunk) => {
      this.#chunks.push(chunk);
      this.#length += chunk.length;
      this.#wake();
    });
    socket.on('error', (error) => this.#lose(wordsFor(error)));
    socket.on('close', () => this.#lose('it closed the connection'));
  }

  /** The response to `request`, whole. Throws HostLost. */
  async request(request: Uint8Array): Promise<Uint8Array> {
    if (this.#length > 0) throw this.#lose('it speaks without being asked');
    this.#socket.write(request);
    await this.#until(() => this.#length >= HEADER_BYTES, 'it gives no answer');
    const {tag, type, total} = parseHeader(this.#peek().subarray(0, HEADER_BYTES));
    if (tag !== TAG.responseMessage || type !== TYPE.structure) throw this.#lose('it does not speak KMIP');
    if (total > MAX_RESPONSE_BYTES) throw this.#lose('its answer is longer than any should be');
    await this.#until(() => this.#length >= total, 'its answer does not end');
    const bytes = this.#peek();
    if (bytes.length > total) throw this.#lose('it says more than it was asked');
    this.#chunks = [];
    this.#length = 0;
    return bytes;
  }

  close(): void {
    this.#socket.destroy();
  }

  #peek(): Buffer {
    const all = this.#chunks.length === 1 ? this.#chunks[0]! : Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  /** Waits for that, until the deadline. */
  async #until(isSo: () => boolean, orElse: string): Promise<void> {
    const timer = setTimeout(() => {
      this.#lose(`${orElse} for ${this.#timeoutMs / 1000} s`);
      this.#socket.destroy();
    }, this.#timeoutMs);
    try {
      while (!isSo()) {
        if (this.#lost) throw this.#lost;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      clearTimeout(timer);
    }
  }

  #lose(why: string): HostLost {
    this.#lost ??= new HostLost(why);
    this.#wake();
    return this.#lost;
  }
}

function wordsFor(error: Error): string {
  const code = systemCode(error) ?? '';
  if (REFUSES_US.test(code)) return 'it refuses our certificate';
  return WORDS[code] ?? (code.startsWith('ERR_SSL') ? `TLS with it fails (${code})` : code || error.message);
}
