/** A TCP proxy in front of one port, that can stop passing bytes on, or drop all connections and refuse new ones. */
import {once} from 'node:events';
import net from 'node:net';

export type LineState = 'passing' | 'stopped' | 'dropping';

export class Line {
  readonly port: number;
  readonly #server: net.Server;
  readonly #sockets = new Set<net.Socket>();
  /** How much later than it came each answer is passed on. */
  readonly #delayMs: number;
  #state: LineState = 'passing';
  /** Bytes that came from the server. */
  received = 0;

  private constructor(server: net.Server, delayMs: number) {
    this.#server = server;
    this.#delayMs = delayMs;
    this.port = (server.address() as net.AddressInfo).port;
  }

  static async to(port: number, {delayMs = 0} = {}): Promise<Line> {
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const proxy = new Line(server, delayMs);
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
        if (from === server && this.#delayMs > 0) setTimeout(() => to.write(chunk), this.#delayMs);
        else to.write(chunk);
      });
      if (this.#state === 'stopped') from.pause();
    }
  }
}
