/**
 * A NIC, an agent with a manifest of two DEKs, and services: client/examples/blockstore.c moves data through both DEKs
 * (`plain`, 128 bits; `tagged`, 256 bits with a keytag) and tells in the end how it went.
 */
import {type ChildProcess, execFileSync} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import {once} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {newEdition} from '../../src/manifest/fields/edition.js';
import {formatEntry} from '../../src/manifest/fields/entry.js';
import {formatHeader} from '../../src/manifest/fields/header.js';
import {dekCheckValue} from '../../src/wrap/dcv/dcv.js';
import {wrapCredential, wrapDek} from '../../src/wrap/index.js';
import {keyCheckValue} from '../../src/wrap/kcv.js';
import {AgentProcess} from '../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {xtsDecrypt} from '../support/nic/xts.js';
import {temporaryDirectory} from '../support/temporary-directory.js';
import {until} from '../support/until.js';

const CLIENT = fileURLToPath(new URL('../../../client', import.meta.url));
const BLOCK = 4096;

export type Road = 'lend' | 'attach';

/** What lives on the NIC. */
export interface Counts {
  contexts: number;
  pds: number;
  logins: number;
  deks: number;
  cqs: number;
  qps: number;
  mrs: number;
  mkeys: number;
}

/** blockstore, running. */
export class Service {
  readonly child: ChildProcess;
  /** Of 4,096 bytes each. */
  readonly blocks: number;
  /** Its file. */
  readonly store: string;
  output = '';
  /** What it said on the way. */
  log = '';
  /** Its exit status, or the signal that ended it. */
  readonly ended: Promise<number | NodeJS.Signals>;

  constructor(child: ChildProcess, blocks: number, store: string) {
    this.child = child;
    this.blocks = blocks;
    this.store = store;
    child.stdout!.on('data', (text) => {
      this.output += text;
    });
    child.stderr!.on('data', (text) => {
      this.log += text;
    });
    this.ended = once(child, 'close').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals);
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  /** Waits until it moves data, or has ended. */
  ready(): Promise<void> {
    return this.until(() => this.output.startsWith('ready'), 'ready');
  }

  /** Waits until something holds, or it has ended. */
  until(condition: () => boolean, what: string): Promise<void> {
    return until(
      () => condition() || this.hasEnded,
      () => `blockstore: ${what}; it said:\n${this.log}`,
    );
  }

  /** How often it has said this. */
  times(text: string): number {
    return this.log.split(text).length - 1;
  }

  /** What it says in the end: `wrong`, `failed`, `recovered` and so on. */
  report(): Record<string, number> {
    const lines = [...this.output.matchAll(/^([a-z ]+) ([\d.]+)/gm)];
    return Object.fromEntries(lines.map(([, name, value]) => [name!, Number(value)]));
  }
}

/** Builds it in a folder; its path. */
export function buildBlockstore(folder: string): string {
  const args = ['-s', '-C', CLIENT, 'examples', `BUILD=${folder}`, 'WARNINGS=-Wall -Wextra -Werror'];
  execFileSync('make', args, {stdio: 'pipe'});
  return join(folder, 'blockstore');
}

export class Stage {
  readonly road: Road;
  readonly device: TestDevice;
  readonly #folder = temporaryDirectory();
  readonly #program: string;
  readonly #plain = {key1: randomBytes(16), key2: randomBytes(16)};
  readonly #tagged = {key1: randomBytes(32), key2: randomBytes(32), keytag: randomBytes(8)};
  readonly #services: Service[] = [];
  #kek: {id: number; secret: Uint8Array};
  #edition = newEdition();
  #agent: AgentProcess | undefined;

  private constructor(road: Road, device: TestDevice) {
    this.road = road;
    this.device = device;
    this.#kek = {id: device.kekId, secret: device.kek};
    this.#program = buildBlockstore(this.#folder);
    this.#writeManifest();
  }

  /** With its agent READY. Call `close` after. */
  static async open(road: Road): Promise<Stage> {
    const stage = new Stage(road, await testDevice());
    await stage.startAgent();
    return stage;
  }

  async close(): Promise<void> {
    for (const service of this.#services) service.child.kill('SIGKILL');
    await Promise.all(this.#services.map(({ended}) => ended));
    await this.#agent?.end('SIGKILL');
    this.device.remove();
    fs.rmSync(this.#folder, {recursive: true, force: true});
  }

  get agent(): AgentProcess {
    return this.#agent!;
  }

  async startAgent(): Promise<void> {
    const lend = this.road === 'lend' ? ['--lend'] : [];
    this.#agent = await AgentProcess.start(this.device, {
      socket: join(this.#folder, 'agent.sock'),
      args: ['--manifest', join(this.#folder, 'manifest'), '--check-interval', '1', ...lend],
    });
  }

  /** Starts a service that moves data for so long. */
  startService(seconds: number, blocks: number): Service {
    const store = join(this.#folder, `store-${this.#services.length}`);
    const args = [`--${this.road}`, '--socket', join(this.#folder, 'agent.sock'), '--seconds', `${seconds}`];
    const more = ['--blocks', `${blocks}`, store, 'plain', 'tagged'];
    const service = new Service(this.device.spawn(this.#program, [...args, ...more]), blocks, store);
    this.#services.push(service);
    return service;
  }

  /** The officer loads another import KEK, the manifest is wrapped by it and applied, and the KEK of before goes. */
  async rotate(): Promise<void> {
    const {id, secret} = this.#kek;
    this.#kek = {id: id + 1, secret: randomBytes(secret.length)};
    this.device.nic.set({keks: [this.#kek]});
    this.#writeManifest();
    try {
      const path = join(this.#folder, 'manifest');
      await this.agent.client.apply({path, kek: undefined, dryRun: false, keepGoing: false});
    } finally {
      this.device.nic.set({revokeKeks: [id]}); // an agent that was killed meanwhile begins with the manifest of now
    }
  }

  counts(): Counts {
    const {contexts, pds, logins, deks, cqs, qps, mrs, mkeys} = this.device.nic.show().live;
    return {contexts, pds, logins, deks, cqs, qps, mrs, mkeys};
  }

  /** Waits until the NIC has what it had; after a minute the caller's comparison tells what is different. */
  async settle(before: Counts): Promise<Counts> {
    await until(() => JSON.stringify(this.counts()) === JSON.stringify(before)).catch(() => {});
    return this.counts();
  }

  /** Decrypts by OpenSSL what a service has left in its file, and compares it with what has to be there. */
  compare({store, blocks}: Service): {compared: number; differing: number} {
    const file = fs.openSync(store, 'r');
    const versions = fs.readFileSync(`${store}.versions`);
    const ciphertext = Buffer.alloc(BLOCK);
    let [compared, differing] = [0, 0];
    try {
      for (let block = 0; block < blocks; block++) {
        const version = versions.readUInt32LE(4 * block);
        if (version === 0) continue;
        fs.readSync(file, ciphertext, 0, BLOCK, block * BLOCK);
        const keys = block < blocks / 2 ? this.#plain : this.#tagged;
        if (!xtsDecrypt(keys, block, ciphertext).equals(blockContent(block, version))) differing++;
        compared++;
      }
    } finally {
      fs.closeSync(file);
    }
    return {compared, differing};
  }

  /**
   * The two DEKs, wrapped by the KEK of now. `plain` has a check value, so that under another KEK it is still the same
   * key; `tagged` has none, and is made anew.
   */
  #writeManifest(): void {
    const {id: importKekId, secret: kek} = this.#kek;
    const {credential, credentialId} = this.device;
    const login = {importKekId, credentialId, credential: wrapCredential(kek, credential)};
    const {key1, key2} = this.#plain;
    const plain = {
      name: 'plain',
      keySize: 128,
      keytag: false,
      opaque: Buffer.from('plain'),
      wrapped: wrapDek(kek, this.#plain),
      dcv: dekCheckValue(Buffer.concat([key1, key2])),
    } as const;
    const tagged = {
      name: 'tagged',
      keySize: 256,
      keytag: true,
      opaque: Buffer.from('tagged'),
      wrapped: wrapDek(kek, this.#tagged),
      keytagValue: this.#tagged.keytag,
    } as const;
    const header = formatHeader({edition: this.#edition, devices: [], importKekKcv: keyCheckValue(kek), login});
    this.#edition = {...this.#edition, generation: this.#edition.generation + 1};
    const path = join(this.#folder, 'manifest');
    fs.writeFileSync(`${path}.new`, `${Buffer.from(header)}${formatEntry(plain)}\n${formatEntry(tagged)}\n`);
    fs.renameSync(`${path}.new`, path);
  }
}

/** What blockstore.c writes into a block: fill_block. */
function blockContent(block: number, version: number): Buffer {
  const words = new Uint32Array(BLOCK / 4);
  let state = (Math.imul(block, 2654435761) ^ Math.imul(version, 40503)) | 1;
  words[0] = block;
  words[1] = version;
  for (let i = 2; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return Buffer.from(words.buffer);
}
