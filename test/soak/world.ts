/** The NICs and the agent of a scenario, and what a person does to them: commands, signals, `dek virtual set`. */
import {spawn} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {parseSettings} from '../../src/virtual/setting-words.js';
import {wrapDek} from '../../src/wrap/index.js';
import {keysOf, type Vol, writeManifestFile} from '../support/agent/agent-manifests.js';
import {AgentProcess, DEK} from '../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import type {Scenario} from './scenario.js';

/** Nothing waits for ever: a command, or the start of an agent, that takes longer is a fault. */
const LIMIT_MS = 60_000;

/** What takes all faults back. */
const NO_FAULTS = ['fault=none', 'dek-error=none', 'gone=no', 'latency-us=0', 'parallel=16', 'log-max-deks=10'];

export interface Ended {
  /** null: killed, as was wanted. */
  status: number | null;
  stdout: string;
  stderr: string;
}

export class World {
  readonly device: TestDevice;
  readonly nics: Scenario['nics'];
  agent: AgentProcess | undefined;
  /** The manifest that was applied last. */
  manifest: string | undefined;
  /** Whether the officer has deleted the import KEK. */
  revoked = false;

  private constructor(device: TestDevice, nics: Scenario['nics']) {
    this.device = device;
    this.nics = nics;
  }

  static async create({nics}: Scenario): Promise<World> {
    const device = await testDevice({devices: nics.length, settings: {logMaxDeks: 10}});
    for (const [i, importMode] of nics.entries()) device.nic.set({importMode}, `mlx5_${i}`);
    fs.writeFileSync(join(device.directory, 'credential'), device.wrappedCredential);
    return new World(device, nics);
  }

  get isWrapped(): boolean {
    return this.nics.includes('wrapped');
  }

  /** --kek, where a NIC needs it. */
  get #kek(): string[] {
    return this.nics.includes('plaintext') ? ['--kek', `file:${this.device.nic.kekFile}`] : [];
  }

  /** Starts the agent; what it said when it did not become ready. */
  async start(): Promise<string | undefined> {
    const names = this.nics.map((_, i) => `mlx5_${i}`).join(',');
    const manifest = this.manifest === undefined ? [] : ['--manifest', this.manifest, ...this.#kek];
    try {
      this.agent = await AgentProcess.start(this.device, {
        args: ['--device', names, '--check-interval', '1', ...manifest],
      });
      return undefined;
    } catch (error) {
      this.agent = undefined;
      return (error as Error).message;
    }
  }

  /** Runs a command of dek that talks to the agent, killed after some time if that is wanted. */
  async dek(args: readonly string[], killAfterMs?: number): Promise<Ended> {
    const child = spawn(process.execPath, [DEK, ...args, '--socket', this.agent!.socket], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr, late] = ['', '', false];
    child.stdout.on('data', (text) => {
      stdout += text;
    });
    child.stderr.on('data', (text) => {
      stderr += text;
    });
    const timer = setTimeout(() => {
      late = killAfterMs === undefined;
      child.kill('SIGKILL');
    }, killAfterMs ?? LIMIT_MS);
    const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
    clearTimeout(timer);
    if (late) throw new Error(`dek ${args.join(' ')} did not end within ${LIMIT_MS / 1000} s`);
    return {status, stdout, stderr};
  }

  writeManifest(file: string, vols: readonly Vol[]): string {
    return writeManifestFile(this.device, vols, {file, login: this.isWrapped});
  }

  apply(path: string, killAfterMs?: number): Promise<Ended> {
    return this.dek(['apply', path, ...this.#kek], killAfterMs);
  }

  create(vol: Required<Pick<Vol, 'name' | 'version'>>, killAfterMs?: number): Promise<Ended> {
    const path = join(this.device.directory, 'key');
    fs.writeFileSync(path, wrapDek(this.device.kek, keysOf(vol)));
    return this.dek(['create', vol.name, path, '--opaque', `hex:0${vol.version}`], killAfterMs);
  }

  login(): Promise<Ended> {
    const {directory, credentialId, kekId} = this.device;
    const ids = ['--credential-id', `${credentialId}`, '--import-kek-id', `${kekId}`];
    return this.dek(['login', '--credential', join(directory, 'credential'), ...ids]);
  }

  async set(words: readonly string[], nic: number | 'all'): Promise<void> {
    const settings = await parseSettings(words, () => Promise.reject(new Error('no secret here')));
    const names = this.nics.map((_, i) => `mlx5_${i}`);
    for (const name of nic === 'all' ? names : [names[nic]!]) this.device.nic.set(settings, name);
  }

  setKek(present: boolean): void {
    if (this.revoked !== present) return;
    const {kekId: id, kek: secret, nic} = this.device;
    for (const i of this.nics.keys()) nic.set(present ? {keks: [{id, secret}]} : {revokeKeks: [id]}, `mlx5_${i}`);
    this.revoked = !present;
  }

  async clearFaults(): Promise<void> {
    await this.set(NO_FAULTS, 'all');
    this.setKek(true);
  }

  /** What the NICs have, in their order. */
  live(): {contexts: number; pds: number; logins: number; deks: number}[] {
    return this.nics.map((_, i) => this.device.nic.show(`mlx5_${i}`).live);
  }

  /** Ends what runs and removes all. */
  async remove(): Promise<void> {
    await this.agent?.end('SIGKILL');
    this.device.remove();
  }
}
