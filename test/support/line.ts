/** A TCP proxy in front of one port, that can stop passing bytes on, or drop all connections and refuse new ones. */
import {once} from 'node:events';
import net from 'node:net';

export type LineState = 'passing' | 'stopped' | 'dropping';

export class Line {
  readonly port: number;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  #state: LineState = 'passing';
  /** Bytes that came from the server. */
  received = 0;

  private constructor(server: net.Server) {
    this.#server = server;
    this.port = (server.address() as net.AddressInfo).port;
  }

  static async to(port: number): Promise<Line> {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new Line(server);
    server.on('connection', (client) => proxy.#connect(client, port));
    return proxy;
  }

  become(state: LineState): void {
    this.#state = state;
    for (const socket of this.#sockets) {
      if (state === 'dropping') socket.destroy();
      else if (state === 'stopped') socket.pause();
      else socket.resume();
    }
  }

  close(): void {
    this.become('dropping');
    this.#server.close();
  }

  #connect(client: net.Socket, port: number): void {
    if (this.#state === 'dropping') {
      client.destroy();
      return;
    }
    const server = net.connect(port, '127.0.0.1');
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        this.#sockets.delete(from);
        to.destroy();
      });
      from.on('data', (chunk) => {
        if (from === server) this.received += chunk.length;
        to.write(chunk);
      });
      if (this.#state === 'stopped') from.pause();
    }
  }
}
