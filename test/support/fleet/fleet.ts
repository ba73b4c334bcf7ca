/** A set of DEKs for the tests of a fleet, in generations and under any KEK; and agents that follow a fleet. */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {toHex} from '../../../src/bytes.js';
import {type Edition, type NextLogin, newEdition, writeManifest} from '../../../src/manifest/index.js';
import type {Settings} from '../../../src/virtual/index.js';
import {dcvHints, dekCheckValue} from '../../../src/wrap/dcv/dcv.js';
import {keyCheckValue, wrapCredential, wrapKey} from '../../../src/wrap/index.js';
import {AgentProcess} from '../agent/agent-process.js';
import {type TestDevice, testDevice} from '../nic/device.js';
import type {EtcdCluster} from './etcd.js';

/** A KEK with its credential, as an officer loads them into the NICs. */
export interface OfficerKeys {
  readonly kek: Uint8Array;
  readonly kekId: number;
  readonly credential: Uint8Array;
  readonly credentialId: number;
  /** The key check value of the KEK in hex. */
  readonly kcv: string;
}

/** The KEK of before and the next one, which the NICs of a test do not have yet. */
export function newOfficerKeys(id: number): OfficerKeys {
  const [kek, credential] = [new Uint8Array(randomBytes(32)), new Uint8Array(randomBytes(40))];
  return {kek, kekId: id, credential, credentialId: id, kcv: toHex(keyCheckValue(kek))};
}

export function settingsOf({kek, kekId, credential, credentialId}: OfficerKeys): Settings {
  return {keks: [{id: kekId, secret: kek}], credentials: [{id: credentialId, secret: credential}]};
}

function loginOf({kek, kekId: importKekId, credential, credentialId}: OfficerKeys): NextLogin {
  return {importKekId, credentialId, credential: wrapCredential(kek, credential), importKekKcv: keyCheckValue(kek)};
}

export interface Generation {
  readonly names: readonly string[];
  readonly under: OfficerKeys;
  readonly next?: OfficerKeys | undefined;
  readonly edition?: Partial<Edition> | undefined;
  /** Names whose key is another from now on. */
  readonly rekey?: readonly string[];
  readonly file?: string;
}

/** DEKs of 128 bits without keytag, whose keys stay the same from generation to generation. */
export class TestSet {
  readonly directory: string;
  readonly #edition = newEdition();
  readonly #keys = new Map<string, Uint8Array>();
  #generation = 0;

  constructor(directory: string) {
    this.directory = directory;
  }

  /** It has that DEK from now on, with the key that the other set has for it. */
  adopt(other: TestSet, name: string): void {
    this.#keys.set(name, other.#keys.get(name)!);
  }

  /** Writes the next generation; its path. */
  async write({names, under, next, edition, rekey = [], file}: Generation): Promise<string> {
    const generation = ++this.#generation;
    const login = loginOf(under);
    const header = {
      edition: {...this.#edition, generation, nextLogin: next ? loginOf(next) : null, ...edition},
      devices: [],
      importKekKcv: login.importKekKcv,
      login,
    };
    const deks = names.map((name) => {
      const plaintext = (rekey.includes(name) ? undefined : this.#keys.get(name)) ?? new Uint8Array(randomBytes(32));
      this.#keys.set(name, plaintext);
      const [dcv, hints] = [dekCheckValue(plaintext), dcvHints(plaintext)];
      const wrapped = wrapKey(under.kek, plaintext);
      return {name, keySize: 128 as const, keytag: false, opaque: new Uint8Array(), wrapped, dcv, dcvHints: hints};
    });
    const path = join(this.directory, file ?? `generation-${generation}`);
    const chunks: Uint8Array[] = [];
    for await (const chunk of writeManifest(header, deks)) chunks.push(chunk);
    fs.writeFileSync(path, Buffer.concat(chunks));
    return path;
  }
}

/** `vol-1` to `vol-COUNT`. */
export function volumes(count: number): string[] {
  return Array.from({length: count}, (_, i) => `vol-${i + 1}`);
}

/** How a host is started. */
interface StartOptions {
  readonly args?: readonly string[];
  readonly uri?: string;
  /** Its clock runs faster: fast-clock.ts. */
  readonly fastClock?: boolean;
  /** A program that it is started by. */
  readonly prefix?: string[];
}

/** A host of a fleet: a virtual ConnectX of its own with the officer's keys, and an agent on it. */
export class TestHost {
  readonly name: string;
  readonly device: TestDevice;
  readonly #etcd: EtcdCluster;
  #agent: AgentProcess | undefined;

  private constructor(name: string, device: TestDevice, etcd: EtcdCluster) {
    [this.name, this.device, this.#etcd] = [name, device, etcd];
  }

  /** `keys` are in its NIC. */
  static async make(name: string, etcd: EtcdCluster, keys: OfficerKeys): Promise<TestHost> {
    const device = await testDevice();
    device.nic.set(settingsOf(keys));
    return new TestHost(name, device, etcd);
  }

  get agent(): AgentProcess {
    return this.#agent!;
  }

  /** Where it keeps its last good copy. */
  get state(): string {
    return join(this.device.directory, 'fleet');
  }

  /** What of the past a restart is to start with lies in `state`. */
  async start(options: StartOptions = {}): Promise<void> {
    const {args = [], uri = this.#etcd.uri(this.name), fastClock = true, prefix = []} = options;
    const words = ['--manifest', uri, '--state', this.state, ...args];
    this.#agent = await AgentProcess.start(this.device, {args: words, fastClock, prefix});
  }

  /** The generation that it holds, by its agent; null: none. */
  async generation(): Promise<number | null> {
    return (await this.agent.client.status()).manifest?.generation ?? null;
  }

  /** The names of what it holds READY, by its agent. */
  async ready(): Promise<string[]> {
    const deks = await this.agent.client.listDeks();
    return deks.flatMap(({name, state}) => (state === 'READY' ? [name] : [])).sort();
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    await this.#agent?.end(signal);
    this.#agent = undefined;
  }

  async remove(): Promise<void> {
    await this.stop();
    this.device.remove();
  }
}
