/** Debian's etcd for tests: one member or three, TLS on both sides, that can be killed, paused and started again. */
import {type ChildProcess, execFileSync, spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import type {Limit} from '../../../src/deadline.js';
import {Store} from '../../../src/fleet/etcd/store.js';
import {type FleetUri, parseFleetUri} from '../../../src/fleet/uri.js';
import {freePort} from '../keys/kmip.js';
import {temporaryDirectory} from '../temporary-directory.js';
import {until} from '../until.js';

export const LIMIT: Limit = {timeoutMs: 10_000, signal: new AbortController().signal};

/** A certificate authority in a directory, and what it signs: NAME.crt and NAME.key. */
export class Authority {
  readonly directory: string;

  constructor(directory = temporaryDirectory()) {
    this.directory = directory;
    this.#openssl('req', '-x509', ...NEW_KEY, '-keyout', 'ca.key', '-out', 'ca.crt', '-days', '2', '-subj', '/CN=ca');
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  /** A certificate of that common name, for `days`; below 0 it has ended. */
  issue(name: string, {days = 2, file = name}: {days?: number; file?: string} = {}): void {
    fs.writeFileSync(this.path(`${file}.ext`), 'subjectAltName=IP:127.0.0.1,DNS:localhost\n');
    this.#openssl('req', ...NEW_KEY, '-keyout', `${file}.key.new`, '-out', `${file}.csr`, '-subj', `/CN=${name}`);
    const sign = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-extfile', `${file}.ext`];
    this.#openssl('x509', '-req', '-in', `${file}.csr`, ...sign, '-days', `${days}`, '-out', `${file}.crt.new`);
    fs.chmodSync(this.path(`${file}.key.new`), 0o600);
    for (const kind of ['crt', 'key']) fs.renameSync(this.path(`${file}.${kind}.new`), this.path(`${file}.${kind}`));
  }

  /** The query of a URI for who has that certificate. */
  query(name: string): string {
    return `?cert=${this.path(`${name}.crt`)}&key=file:${this.path(`${name}.key`)}&ca=${this.path('ca.crt')}`;
  }

  remove(): void {
    fs.rmSync(this.directory, {recursive: true, force: true});
  }

  #openssl(...args: string[]): void {
    execFileSync('openssl', args, {cwd: this.directory, stdio: 'pipe'});
  }
}

const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'] as const;

/** setpriv(1) of util-linux: no member is left when we are killed. */
const DIES_WITH_US = ['setpriv', '--pdeathsig', 'KILL'] as const;

interface Member {
  readonly name: string;
  readonly port: number;
  readonly peerPort: number;
  process: ChildProcess | undefined;
}

interface ClusterOptions {
  readonly members?: number;
  readonly names?: readonly string[];
  /** A program that each member is started by. */
  readonly prefix?: readonly string[];
}

export class EtcdCluster {
  readonly authority: Authority;
  readonly #members: readonly Member[];
  readonly #prefix: readonly string[];
  readonly #stores: Store[] = [];

  private constructor(authority: Authority, members: readonly Member[], prefix: readonly string[]) {
    [this.authority, this.#members, this.#prefix] = [authority, members, prefix];
  }

  /** Starts one of so many members, with certificates for root and for these. */
  static async start({members: count = 1, names = [], prefix = []}: ClusterOptions = {}) {
    const authority = new Authority();
    for (const name of ['server', 'root', ...names]) authority.issue(name);
    const members: Member[] = [];
    for (let i = 1; i <= count; i++) {
      members.push({name: `m${i}`, port: await freePort(), peerPort: await freePort(), process: undefined});
    }
    const cluster = new EtcdCluster(authority, members, prefix);
    await Promise.all(members.map((_, i) => cluster.run(i, {wait: false})));
    await cluster.ready();
    return cluster;
  }

  get ports(): readonly number[] {
    return this.#members.map(({port}) => port);
  }

  /** What people write for it, as that user; through these ports in place of its own where they are given. */
  uri(name: string, ports: readonly number[] = this.ports): string {
    return `etcd://${ports.map((port) => `127.0.0.1:${port}`).join(',')}/dek${this.authority.query(name)}`;
  }

  parsed(name: string, ports?: readonly number[]): FleetUri {
    return parseFleetUri(this.uri(name, ports), 'store');
  }

  /** A connection as that user, which `stop` closes. */
  store(name = 'root', ports?: readonly number[]): Store {
    const store = new Store(this.parsed(name, ports), LIMIT);
    this.#stores.push(store);
    return store;
  }

  /** From now on who asks has to be known; `ops`, who may do all, is known by a password: who that is in a URI. */
  knowByPassword(): Pick<FleetUri, 'user' | 'password'> {
    const [user, file] = ['ops', this.authority.path('password')];
    fs.writeFileSync(file, 'secret', {mode: 0o600});
    for (const [name, more] of [
      ['root', ['--no-password']],
      [`${user}:secret`, []],
    ] as const) {
      this.etcdctl('user', 'add', name, ...more);
      this.etcdctl('user', 'grant-role', name.split(':')[0]!, 'root');
    }
    this.etcdctl('auth', 'enable');
    return {user, password: `file:${file}`};
  }

  /** Starts a member, again with what it had. */
  async run(i: number, {wait = true} = {}): Promise<void> {
    const {name, port, peerPort} = this.#members[i]!;
    const [own, peer] = [`https://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
    const file = (kind: string): string => this.authority.path(kind);
    const flags = {
      name,
      'data-dir': file(`${name}.etcd`),
      'listen-client-urls': own,
      'advertise-client-urls': own,
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': this.#members.map((one) => `${one.name}=http://127.0.0.1:${one.peerPort}`).join(','),
      'client-cert-auth': 'true',
      'trusted-ca-file': file('ca.crt'),
      'cert-file': file('server.crt'),
      'key-file': file('server.key'),
    };
    const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    const log = fs.openSync(file(`${name}.log`), 'a');
    const [program, ...rest] = [...DIES_WITH_US, ...this.#prefix, 'etcd', ...args];
    this.#members[i]!.process = spawn(program!, rest, {stdio: ['ignore', log, log]});
    fs.closeSync(log);
    if (wait) await this.ready();
  }

  /** Waits until the members that run agree. */
  async ready(): Promise<void> {
    await until(() => {
      try {
        this.etcdctl('endpoint', 'health');
        return true;
      } catch {
        return false;
      }
    }, 'etcd is healthy');
  }

  /** Runs etcdctl as root, or as another; what it prints. Of a store that is paused in part `ports` are the others. */
  etcdctl(...words: readonly string[]): string {
    return this.etcdctlAs('root', words);
  }

  /** How many keys begin so. */
  count(prefix: string): number {
    return this.etcdctl('get', '--prefix', '--keys-only', prefix)
      .split('\n')
      .filter((line) => line !== '').length;
  }

  etcdctlAs(name: string, words: readonly string[], ports = this.#running()): string {
    const endpoints = ports.map((port) => `https://127.0.0.1:${port}`).join(',');
    const file = (kind: string): string => this.authority.path(kind);
    const flags = ['--endpoints', endpoints, '--cacert', file('ca.crt'), '--command-timeout', '60s'];
    const who = ['--cert', file(`${name}.crt`), '--key', file(`${name}.key`)];
    const env = {...process.env, ETCDCTL_API: '3'};
    return execFileSync('etcdctl', [...flags, ...who, ...words], {stdio: 'pipe', env}).toString();
  }

  /** Runs lines that `dek fleet init` has printed, as root. */
  runCommands(lines: string): void {
    for (const line of lines.trim().split('\n')) {
      const [program, ...words] = line.split(' ');
      if (program !== 'etcdctl') throw new Error(`not a command of etcdctl: ${line}`);
      this.etcdctl(...words);
    }
  }

  /** Ends a member at once, or stops or wakes it. */
  async signal(i: number, signal: 'SIGKILL' | 'SIGSTOP' | 'SIGCONT'): Promise<void> {
    const child = this.#members[i]!.process!;
    const exit = signal === 'SIGKILL' && child.exitCode === null && child.signalCode === null && once(child, 'exit');
    child.kill(signal);
    await exit;
    if (exit) this.#members[i]!.process = undefined;
  }

  /** The member that leads the others. */
  leader(): number {
    const status = JSON.parse(this.etcdctl('endpoint', 'status', '--write-out=json')) as {
      Endpoint: string;
      Status: {header: {member_id: number}; leader: number};
    }[];
    const leader = status.find(({Status}) => Status.header.member_id === Status.leader)!;
    return this.#members.findIndex(({port}) => leader.Endpoint.endsWith(`:${port}`));
  }

  /** Of a member's process. */
  pid(i: number): number {
    return this.#members[i]!.process!.pid!;
  }

  async stop(): Promise<void> {
    for (const store of this.#stores) store.close();
    for (const [i, {process: child}] of this.#members.entries()) if (child) await this.signal(i, 'SIGKILL');
    this.authority.remove();
  }

  #running(): number[] {
    return this.#members.filter((one) => one.process !== undefined).map(({port}) => port);
  }
}
