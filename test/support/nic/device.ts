/**
 * A virtual ConnectX for a test of any folder: made in a temporary directory, removed by `remove`. The shim is compiled
 * once a run of tests, by scripts/test.ts, or else once a process.
 */
import {type ChildProcess, type SpawnOptions, type SpawnSyncReturns, spawn, spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {compileShim} from '../../../src/virtual/shim.js';
import {type CreateOptions, createVirtual, type VirtualConnectX} from '../../../src/virtual/virtual.js';
import {wrapCredential} from '../../../src/wrap/index.js';
import {sharedFile, temporaryDirectory} from '../temporary-directory.js';

let shim: Promise<string> | undefined;

export function compiledShim(): Promise<string> {
  shim ??= (async () => {
    const shared = sharedFile('uverbs.so');
    if (shared !== undefined && fs.existsSync(shared)) return shared;
    const directory = temporaryDirectory();
    process.once('exit', () => fs.rmSync(directory, {recursive: true, force: true}));
    const path = join(directory, 'uverbs.so');
    await compileShim(path);
    return path;
  })();
  return shim;
}

/** A virtual ConnectX with what a test wants to know of it at hand. */
export interface TestDevice {
  readonly nic: VirtualConnectX;
  readonly directory: string;
  /** The first import KEK, loaded unless the NIC is in commissioning. */
  readonly kek: Uint8Array;
  readonly kekId: number;
  /** The first credential, 40 bytes. */
  readonly credential: Uint8Array;
  readonly credentialId: number;
  /** The 48 bytes that a login takes. */
  readonly wrappedCredential: Uint8Array;
  /** Runs a program on the NIC and waits for its end. */
  run(
    command: string,
    args?: readonly string[],
    options?: {input?: string; env?: NodeJS.ProcessEnv},
  ): SpawnSyncReturns<string>;
  /** Starts a program on the NIC. */
  spawn(command: string, args?: readonly string[], options?: SpawnOptions): ChildProcess;
  remove(): void;
}

/** Longer than any program that is waited for here. */
const RUN_MS = 300_000;

/** Makes a device; call `remove` after. */
export async function testDevice(options: CreateOptions = {}): Promise<TestDevice> {
  const directory = temporaryDirectory();
  const nic = await createVirtual(directory, {...options, shim: await compiledShim()});
  const kek = new Uint8Array(fs.readFileSync(nic.kekFile));
  const credential = new Uint8Array(fs.readFileSync(nic.credentialFile));
  const report = nic.show();
  return {
    nic,
    directory,
    kek,
    kekId: report.importKeks[0]?.id ?? 0,
    credential,
    credentialId: report.credentials[0]?.id ?? 0,
    wrappedCredential: wrapCredential(kek, credential),
    run: (command, args = [], {input, env} = {}) =>
      spawnSync(command, args, {
        env: {...nic.environment(), ...env},
        encoding: 'utf8',
        timeout: RUN_MS, // no timer of mocha's runs meanwhile
        killSignal: 'SIGKILL',
        ...(input === undefined ? {} : {input}),
      }),
    spawn: (command, args = [], spawnOptions = {}) =>
      spawn(command, args, {...spawnOptions, env: {...nic.environment(), ...spawnOptions.env}}),
    remove: () => fs.rmSync(directory, {recursive: true, force: true}),
  };
}
