/** Several servers that hold the same keys: what one cannot do, since it is lost, the next does. */
import tls from 'node:tls';
import {DekError, withMessage} from '../errors.js';
import type {Version} from './attributes.js';
import {Client} from './client.js';
import {Connection, type Credentials, HostLost} from './connection.js';
import {type Host, hostText} from './uri.js';

/** How long a connection or an answer may take. */
const TIMEOUT_MS = 10_000;

export class Servers {
  readonly #hosts: readonly Host[];
  readonly #context: tls.SecureContext;
  readonly #timeoutMs: number;
  readonly #versions: readonly Version[] | undefined;
  /** The host to begin with: one that answered. */
  #first = 0;

  /** Throws BAD_INPUT when certificates or key are none. */
  constructor(
    hosts: readonly Host[],
    {cert, key, ca}: Credentials,
    timeoutMs = TIMEOUT_MS,
    versions?: readonly Version[],
  ) {
    this.#hosts = hosts;
    this.#versions = versions;
    this.#timeoutMs = timeoutMs;
    try {
      this.#context = tls.createSecureContext({cert: Buffer.from(cert), key: asBuffer(key), ca: Buffer.from(ca)});
    } catch (cause) {
      throw new DekError('BAD_INPUT', 'cert=, key= and ca= are no certificates with the key of the first, in PEM', {
        hint: 'the key belongs to the certificate, and has no passphrase',
        cause,
      });
    }
  }

  /** What `work` makes of a server, from its start with each that it takes. Throws IO when there is none left. */
  async use<T>(work: (client: Client) => Promise<T>): Promise<T> {
    const lost: string[] = [];
    for (let i = 0; i < this.#hosts.length; i++) {
      const at = (this.#first + i) % this.#hosts.length;
      const host = this.#hosts[at]!;
      let connection: Connection | undefined;
      try {
        connection = await Connection.open(host, this.#context, this.#timeoutMs);
        const result = await work(await Client.of(connection, this.#versions));
        this.#first = at;
        return result;
      } catch (error) {
        if (!(error instanceof HostLost)) throw named(error, host);
        lost.push(`${hostText(host)}: ${error.message}`);
      } finally {
        connection?.close();
      }
    }
    throw new DekError('IO', `no KMIP server could be used: ${lost.join('; ')}`);
  }
}

/** The same memory: no copy of a private key is made. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Errors of a client begin with what the server did. */
function named(error: unknown, host: Host): unknown {
  if (!(error instanceof DekError) || error.code === 'INTERNAL') return error;
  return withMessage(error, `the KMIP server ${hostText(host)} ${error.message}`);
}
