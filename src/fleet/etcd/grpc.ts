/** @grpc/grpc-js, in a file of its own beside the bundle: loaded when the first connection to etcd is made. */
import net, {type Socket} from 'node:net';
import tls, {type SecureContext} from 'node:tls';
import type {ChannelCredentials, ClientDuplexStream, Client as GrpcClient, Metadata, ServiceError} from '@grpc/grpc-js';
import type {Host} from '../../server-uri.js';
import {NoAnswer} from './no-answer.js';
import {Patience} from './patience.js';

export type {ServiceError};

/** More than a page of a range, or a chunk, ever has. */
const MAX_MESSAGE_BYTES = 2 ** 24;
/** RFC 6066: an address is no server name. */
const NO_NAME = 'etcd';

/** A stream of messages in both directions. */
export type Duplex = ClientDuplexStream<Uint8Array, Uint8Array>;

export interface UnaryOptions {
  readonly token?: string | undefined;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
}

/** A connection to one member of the store. */
export class Channel {
  readonly #client: GrpcClient;
  readonly #newMetadata: () => Metadata;
  readonly #sockets: ReadonlySet<Socket>;

  private constructor(client: GrpcClient, newMetadata: () => Metadata, sockets: ReadonlySet<Socket>) {
    this.#client = client;
    this.#newMetadata = newMetadata;
    this.#sockets = sockets;
  }

  /** To that host; nothing is sent before the first call. */
  static async to({host, port}: Host, context: SecureContext): Promise<Channel> {
    const grpc = await import('@grpc/grpc-js');
    const isAddress = net.isIP(host) !== 0;
    const verify = isAddress
      ? {checkServerIdentity: (_: string, cert: tls.PeerCertificate) => tls.checkServerIdentity(host, cert)}
      : {};
    const credentials = grpc.credentials.createFromSecureContext(context, verify);
    const sockets = socketsOf(credentials);
    const address = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const client = new grpc.Client(address, credentials, {
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      // Members tries again by itself, at another one.
      'grpc.enable_retries': 0,
      'grpc.initial_reconnect_backoff_ms': 200,
      'grpc.max_reconnect_backoff_ms': 2000,
      // Not shared with another Channel of this process: it would keep a certificate that was renewed since.
      'grpc.use_local_subchannel_pool': 1,
      // An agent goes where it is told, not where the environment says.
      'grpc.enable_http_proxy': 0,
      ...(isAddress ? {'grpc.ssl_target_name_override': NO_NAME} : {}),
    });
    return new Channel(client, () => new grpc.Metadata(), sockets);
  }

  /** One question, one answer. Rejects with a ServiceError. The deadline is ours: the clock may jump. */
  unary(method: string, request: Uint8Array, {token, timeoutMs, signal}: UnaryOptions): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      let isLate = false;
      const call = this.#client.makeUnaryRequest(
        method,
        asBuffer,
        asIs,
        request,
        this.#metadata(token),
        {},
        (error, answer) => {
          patience.end();
          signal?.removeEventListener('abort', cancel);
          if (error) reject(isLate ? new NoAnswer(timeoutMs) : error);
          else resolve(answer!);
        },
      );
      const cancel = (): void => call.cancel();
      const patience = new Patience(timeoutMs, () => {
        isLate = true;
        cancel();
      });
      signal?.addEventListener('abort', cancel);
      if (signal?.aborted) cancel();
    });
  }

  /** A stream without a deadline: whoever uses it sees to it that it answers. */
  duplex(method: string, token: string | undefined): Duplex {
    const metadata = this.#metadata(token);
    // A member that has lost the others ends the stream, instead of keeping it silent.
    metadata.set('hasleader', 'true');
    return this.#client.makeBidiStreamRequest(method, asBuffer, asIs, metadata, {});
  }

  /** Bytes that came from the member so far: one that is slow still sends some, one that is lost or paused does not. */
  get heard(): number {
    return [...this.#sockets].reduce((sum, {bytesRead}) => sum + bytesRead, 0);
  }

  /** What is under way fails. gRPC alone would wait for the other side, which may be paused. */
  close(): void {
    this.#client.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #metadata(token: string | undefined): Metadata {
    const metadata = this.#newMetadata();
    if (token !== undefined) metadata.set('token', token);
    return metadata;
  }
}

/** The sockets of connections that are made with these credentials, as long as they are open. */
function socketsOf(credentials: ChannelCredentials): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  const create = credentials._createSecureConnector.bind(credentials);
  credentials._createSecureConnector = (...args) => {
    const connector = create(...args);
    const connect = connector.connect.bind(connector);
    connector.connect = (socket) => {
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      return connect(socket);
    };
    return connector;
  };
  return sockets;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function asIs(bytes: Buffer): Uint8Array {
  return bytes;
}
