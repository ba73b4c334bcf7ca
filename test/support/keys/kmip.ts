/** KMIP servers for tests: Debian's PyKMIP, and one that answers whatever a test wants. */
import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import {join} from 'node:path';
import tls from 'node:tls';
import {fileURLToPath} from 'node:url';
import type {Credentials} from '../../../src/kmip/connection.js';
import {HEADER_BYTES, parseHeader} from '../../../src/kmip/ttlv.js';
import {temporaryDirectory} from '../temporary-directory.js';
import {until} from '../until.js';

/** Debian's: its packages are not seen by another Python. */
const PYTHON = '/usr/bin/python3';
const script = (name: string) => fileURLToPath(new URL(`../../../../test/kmip/${name}`, import.meta.url));

/** A directory with certificates: test/kmip/certificates.py says which. */
export class Certificates {
  readonly directory = temporaryDirectory();

  constructor() {
    execFileSync(PYTHON, [script('certificates.py'), this.directory], {stdio: 'pipe'});
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** What a client needs, from these files. */
  credentials(client = 'client', ca = 'ca'): Credentials {
    const read = (name: string) => new Uint8Array(fs.readFileSync(this.path(name)));
    return {cert: read(`${client}.crt`), key: read(`${client}.key`), ca: read(`${ca}.crt`)};
  }

  /** The query of a kmip: URI. */
  query(client = 'client', ca = 'ca'): string {
    const [cert, key, file] = [`${client}.crt`, `${client}.key`, `${ca}.crt`].map((name) => this.path(name));
    return `?cert=file:${cert}&key=file:${key}&ca=${file}`;
  }

  remove(): void {
    fs.rmSync(this.directory, {recursive: true, force: true});
  }
}

/** A key for PyKMIP. */
export interface RegisteredKey {
  names: string[];
  value: Uint8Array;
  masks?: ('ENCRYPT' | 'DECRYPT' | 'WRAP_KEY' | 'EXPORT')[];
  active?: boolean;
  /** Revoked as compromised; deactivated. */
  revoked?: boolean;
  retired?: boolean;
  secret?: boolean;
}

export class PyKmip {
  readonly port: number;
  readonly #certificates: Certificates;
  #process: ChildProcess | undefined;

  private constructor(certificates: Certificates, port: number) {
    this.#certificates = certificates;
    this.port = port;
  }

  static async start(certificates: Certificates): Promise<PyKmip> {
    const server = new PyKmip(certificates, await freePort());
    await server.start();
    return server;
  }

  /** Once more, with the keys that it had. */
  async start(): Promise<void> {
    const {directory} = this.#certificates;
    const at = (name: string) => join(directory, `${this.port}-${name}`);
    fs.mkdirSync(at('policy'), {recursive: true});
    const settings = {
      hostname: '127.0.0.1',
      port: this.port,
      certificate_path: join(directory, 'server.crt'),
      key_path: join(directory, 'server.key'),
      ca_path: join(directory, 'ca.crt'),
      auth_suite: 'TLS1.2',
      policy_path: at('policy'),
      enable_tls_client_auth: 'True',
      database_path: at('db'),
    };
    const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
    fs.writeFileSync(at('conf'), `[server]\n${lines.join('\n')}\n`);
    this.#process = spawn(PYTHON, ['/usr/bin/pykmip-server', '-f', at('conf'), '-l', at('log')], {stdio: 'ignore'});
    await until(() => isListening(this.port));
  }

  async kill(): Promise<void> {
    if (this.#process?.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, 'exit');
    // It has started a process of its own, which would outlive it.
    const {pid} = this.#process;
    const children = fs.readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').map(Number);
    for (const child of children) if (child > 0) process.kill(child, 'SIGKILL');
    this.#process.kill('SIGKILL');
    await exit;
  }

  /** Registers keys with PyKMIP's own client, in this order; their identifiers. */
  register(keys: readonly RegisteredKey[]): string[] {
    const hex = keys.map((key) => ({...key, value: Buffer.from(key.value).toString('hex')}));
    return this.#client({keys: hex}).ids;
  }

  destroy(ids: readonly string[]): void {
    this.#client({keys: [], destroy: ids});
  }

  /** The keys in the clear, by PyKMIP's own client. */
  values(ids: readonly string[]): Buffer[] {
    return this.#client({keys: [], get: ids}).values.map((hex) => Buffer.from(hex, 'hex'));
  }

  #client(request: object): {ids: string[]; values: string[]} {
    const input = JSON.stringify({directory: this.#certificates.directory, port: this.port, ...request});
    const stdio = ['pipe', 'pipe', 'pipe'] as const;
    return JSON.parse(execFileSync(PYTHON, [script('register.py')], {input, stdio: [...stdio]}).toString());
  }
}

/** What a test server does with a request: sends bytes, says nothing, or leaves. */
export type Answer = Uint8Array | 'nothing' | 'leave';

/** A TLS server that answers whole requests as `answer` says. */
export class AnsweringServer {
  readonly port: number;
  readonly #server: tls.Server;

  private constructor(server: tls.Server) {
    this.#server = server;
    this.port = (server.address() as net.AddressInfo).port;
  }

  static async start(
    certificates: Certificates,
    answer: (request: Buffer) => Answer,
    name = 'server',
  ): Promise<AnsweringServer> {
    const read = (file: string) => fs.readFileSync(certificates.path(file));
    const options = {cert: read(`${name}.crt`), key: read(`${name}.key`), ca: read('ca.crt')};
    const server = tls.createServer({...options, requestCert: true, rejectUnauthorized: true}, (socket) => {
      let got = Buffer.alloc(0);
      socket.on('error', () => {});
      socket.on('data', (chunk) => {
        got = Buffer.concat([got, chunk]);
        if (got.length < HEADER_BYTES || got.length < parseHeader(got.subarray(0, HEADER_BYTES)).total) return;
        const result = answer(got);
        got = Buffer.alloc(0);
        if (result === 'leave') socket.destroy();
        else if (result !== 'nothing') socket.write(result);
      });
    });
    server.on('tlsClientError', () => {});
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new AnsweringServer(server);
  }

  close(): void {
    this.#server.close();
  }
}

/** A port that nothing listens at, a moment ago. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const {port} = server.address() as net.AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

async function isListening(port: number): Promise<boolean> {
  const socket = net.connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
