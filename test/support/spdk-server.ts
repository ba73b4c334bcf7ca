/**
 * A server that follows the schema of SPDK's accel_crypto_key_create (doc/jsonrpc.md of SPDK): names and types of its
 * parameters, lengths of its keys, error codes of JSON-RPC 2.0. It is no SPDK.
 */
import {createServer, type Server, type Socket} from 'node:net';

interface Request {
  jsonrpc: unknown;
  id: number;
  method: unknown;
  params: Record<string, unknown>;
}

const PARAMS = {cipher: true, key: true, key2: false, tweak_mode: false, name: true} as const;
const [INVALID_PARAMS, METHOD_NOT_FOUND] = [-32602, -32601];

export class SpdkServer {
  /** What it has, by name: key and key2 in hex. */
  readonly keys = new Map<string, [string, string]>();
  /** What it does in place of an answer. */
  instead: ((socket: Socket, id: number) => void) | undefined;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  static async listen(path: string): Promise<SpdkServer> {
    const server = createServer();
    const spdk = new SpdkServer(server);
    server.on('connection', (socket) => spdk.#serve(socket));
    await new Promise<void>((resolve) => server.listen(path, resolve));
    return spdk;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    let text = '';
    socket.on('error', () => {});
    socket.setEncoding('utf8').on('data', (more: string) => {
      text += more;
      let request: Request;
      try {
        request = JSON.parse(text);
      } catch {
        return;
      }
      text = '';
      if (this.instead) return this.instead(socket, request.id);
      // In two pieces, as a stream may bring it.
      const answer = JSON.stringify({jsonrpc: '2.0', id: request.id, ...this.#answer(request)}, null, 2);
      socket.write(answer.slice(0, 9));
      setImmediate(() => socket.write(answer.slice(9)));
    });
  }

  #answer({jsonrpc, method, params}: Request): {result: true} | {error: {code: number; message: string}} {
    const refuse = (code: number, message: string) => ({error: {code, message}});
    if (jsonrpc !== '2.0' || method !== 'accel_crypto_key_create') return refuse(METHOD_NOT_FOUND, 'Method not found');
    const unknown = Object.keys(params).find((name) => !Object.hasOwn(PARAMS, name));
    const missing = Object.entries(PARAMS).find(([name, isNeeded]) => isNeeded && typeof params[name] !== 'string');
    if (unknown || missing) return refuse(INVALID_PARAMS, 'spdk_json_decode_object failed');
    const {cipher, key, key2, name} = params as Record<string, string>;
    if (cipher !== 'AES_XTS' || !key2) return refuse(INVALID_PARAMS, 'failed to create DEK, rc -22');
    if (![key, key2].every((hex) => /^([0-9a-f]{32}|[0-9a-f]{64})$/.test(hex!)) || key === key2) {
      return refuse(INVALID_PARAMS, 'failed to create DEK, rc -22');
    }
    if (this.keys.has(name!)) return refuse(INVALID_PARAMS, 'failed to create DEK, rc -17');
    this.keys.set(name!, [key!, key2]);
    return {result: true};
  }
}
