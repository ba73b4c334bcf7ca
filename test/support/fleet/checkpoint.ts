/**
 * Where one client of etcd is stopped in a step of what it does: a proxy in front of each member, with TLS on both
 * sides, that sees each request and each answer. At the step that a test has named it keeps the request, or the answer
 * to it, and all that comes after, until the test has broken the store and lets go.
 */
import {once} from 'node:events';
import fs from 'node:fs';
import http2, {type ClientHttp2Session, type Http2SecureServer, type ServerHttp2Stream} from 'node:http2';
import type {AddressInfo} from 'node:net';
import {setTimeout as pause} from 'node:timers/promises';
import type {TLSSocket} from 'node:tls';
import type {EtcdCluster} from './etcd.js';
import {stepName} from './step-name.js';

/** The request has not reached the store; or the store has done it, and the client does not know. */
export type When = 'before' | 'after';

export class Checkpoint {
  /** The steps so far. What is tried again, and a look that is taken again, is no step more. */
  readonly steps: string[] = [];
  readonly #doors: Door[] = [];
  #last = '';
  #stopAt: {readonly step: number; readonly when: When} | undefined;
  #isStopped = false;
  #slow: {readonly name: string; readonly ms: number} | undefined;
  #letGo = (): void => {};
  #way: Promise<void> = Promise.resolve();

  /** In front of all members, for whoever has a certificate of theirs. */
  static async of(etcd: EtcdCluster): Promise<Checkpoint> {
    const checkpoint = new Checkpoint();
    for (const port of etcd.ports) checkpoint.#doors.push(await Door.open(etcd, port, checkpoint));
    return checkpoint;
  }

  get ports(): readonly number[] {
    return this.#doors.map(({port}) => port);
  }

  /** Whether the step was reached. */
  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** What its client does is stopped at that step, from 0 on: steps that are over count. */
  stopAt(step: number, when: When): void {
    [this.#stopAt, this.#isStopped] = [{step, when}, false];
  }

  /** Each answer to a step of this name comes so much later. */
  delay(name: string, ms: number): void {
    this.#slow = {name, ms};
  }

  /** Goes on. */
  letGo(): void {
    this.#stopAt = undefined;
    this.#letGo();
  }

  /** That member was killed: nothing listens for it, and connections to it have ended. */
  async lose(member: number): Promise<void> {
    await this.#doors[member]!.close();
  }

  /** It is there again. */
  async regain(member: number): Promise<void> {
    await this.#doors[member]!.listen();
  }

  async close(): Promise<void> {
    this.letGo();
    for (const door of this.#doors) await door.close();
  }

  /** Resolves to the number of its step when the request may go on. */
  async request(path: string, message: Buffer): Promise<number> {
    const step = this.#numberOf(path, message);
    if (this.#stopAt?.when === 'before' && step >= this.#stopAt.step) this.#stop();
    await this.#way;
    return step;
  }

  /** Resolves when the answer may go on. */
  async answer(step: number): Promise<void> {
    if (this.#stopAt?.when === 'after' && step >= this.#stopAt.step) this.#stop();
    if (this.#slow && this.steps[step] === this.#slow.name) await pause(this.#slow.ms);
    await this.#way;
  }

  #stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#way = new Promise((resolve) => {
      this.#letGo = resolve;
    });
  }

  #numberOf(path: string, message: Buffer): number {
    const name = stepName(path, message);
    if (name === undefined) return -1;
    const request = `${path} ${message.toString('base64')}`;
    const isAgain = request === this.#last;
    this.#last = request;
    const {steps} = this;
    if (isAgain || (isLook(name) && steps.slice(-LOOK.length).join() === LOOK.join())) return steps.length - 1;
    return steps.push(name) - 1;
  }
}

/** What a rollout looks at again and again, until its hosts are well. */
const LOOK = ['reads the pointers', 'reads the reports'] as const;
const isLook = (name: string): boolean => (LOOK as readonly string[]).includes(name);

/** In front of one member. */
class Door {
  readonly #etcd: EtcdCluster;
  readonly #memberPort: number;
  readonly #checkpoint: Checkpoint;
  readonly #ends = new Set<() => void>();
  #server: Http2SecureServer | undefined;
  port = 0;

  private constructor(etcd: EtcdCluster, memberPort: number, checkpoint: Checkpoint) {
    [this.#etcd, this.#memberPort, this.#checkpoint] = [etcd, memberPort, checkpoint];
  }

  static async open(etcd: EtcdCluster, memberPort: number, checkpoint: Checkpoint): Promise<Door> {
    const door = new Door(etcd, memberPort, checkpoint);
    await door.listen();
    return door;
  }

  async listen(): Promise<void> {
    const file = (name: string): Buffer => fs.readFileSync(this.#etcd.authority.path(name));
    const ours = {key: file('server.key'), cert: file('server.crt'), ca: file('ca.crt')};
    const server = http2.createSecureServer({...ours, requestCert: true, rejectUnauthorized: true});
    this.#server = server;
    server.on('sessionError', () => {});
    server.on('session', (session) => {
      const {CN} = (session.socket as TLSSocket).getPeerCertificate().subject;
      const who = {ca: ours.ca, key: file(`${CN}.key`), cert: file(`${CN}.crt`)};
      const member = http2.connect(`https://127.0.0.1:${this.#memberPort}`, who);
      // What has become of the one becomes of the other: the client is to see what it would see without us.
      const end = (): void => {
        member.destroy();
        session.destroy();
        this.#ends.delete(end);
      };
      this.#ends.add(end);
      for (const side of [member, session]) side.on('error', end).on('close', end);
      session.on('stream', (stream, headers) => this.#pass(member, stream, headers));
    });
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = undefined;
    const closed = once(server, 'close');
    server.close();
    for (const end of this.#ends) end();
    await closed;
  }

  /** A call: each message of the client's is a request, and each of the member's an answer to the last of them. */
  #pass(member: ClientHttp2Session, client: ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    const path = headers[':path']!;
    const call = member.request(headers, {endStream: false});
    let step = -1;
    const up = new InOrder();
    const down = new InOrder();
    const messages = new Messages();
    client.on('data', (chunk: Buffer) => {
      up.next(async () => {
        for (const message of messages.add(chunk)) step = await this.#checkpoint.request(path, message);
        if (!call.destroyed) call.write(chunk);
      });
    });
    client.on('end', () => up.next(async () => void call.end()));
    client.on('close', () => call.close(http2.constants.NGHTTP2_CANCEL));
    client.on('error', () => {});
    call.on('error', () => {});
    call.on('response', (answered, flags) => {
      const endStream = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0;
      down.next(async () => {
        if (!client.destroyed) client.respond(answered, {endStream, waitForTrailers: !endStream});
      });
    });
    call.on('data', (chunk: Buffer) => {
      down.next(async () => {
        await this.#checkpoint.answer(step);
        if (!client.destroyed) client.write(chunk);
      });
    });
    let trailers: http2.IncomingHttpHeaders = {};
    call.on('trailers', (last) => {
      trailers = last;
    });
    client.on('wantTrailers', () => client.sendTrailers(trailers));
    call.on('end', () => down.next(async () => void client.end()));
  }
}

/** One after the other. */
class InOrder {
  #last: Promise<void> = Promise.resolve();

  next(what: () => Promise<void>): void {
    this.#last = this.#last.then(what).catch(() => {});
  }
}

/** The messages of gRPC in what comes: a byte, four of their length, and they. */
class Messages {
  #rest = Buffer.alloc(0);

  *add(chunk: Buffer): Generator<Buffer, void> {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= 5) {
      const end = 5 + this.#rest.readUInt32BE(1);
      if (this.#rest.length < end) return;
      yield this.#rest.subarray(5, end);
      this.#rest = this.#rest.subarray(end);
    }
  }
}
