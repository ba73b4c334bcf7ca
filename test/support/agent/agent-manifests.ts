/**
 * Manifests for the tests of apply: DEKs by name, wrapped by the import KEK of a virtual ConnectX, and what an agent
 * holds.
 */
import fs from 'node:fs';
import {join} from 'node:path';
import type {KeyFormat} from '../../../src/agent/protocol.js';
import type {Edition} from '../../../src/manifest/fields/edition.js';
import {formatEntry} from '../../../src/manifest/fields/entry.js';
import {formatHeader} from '../../../src/manifest/fields/header.js';
import {wrapCredential, wrapDek} from '../../../src/wrap/index.js';
import {keyCheckValue} from '../../../src/wrap/kcv.js';
import type {TestDevice} from '../nic/device.js';
import type {AgentProcess} from './agent-process.js';

/** A DEK to be: its key follows from name and `version`. */
export interface Vol {
  readonly name: string;
  /** Which key, and the opaque: 1 when left out. */
  readonly version?: number;
  /** An altered wrapped key, which no NIC takes. */
  readonly altered?: boolean;
}

export interface HeaderChanges {
  /** Without it the manifest is of version 1. */
  readonly edition?: Edition;
  readonly devices?: string[];
  /** false: a manifest for plaintext import, without a login. */
  readonly login?: boolean;
  readonly credentialId?: number;
  /** 40 bytes, when it is not the device's first one. */
  readonly credential?: Uint8Array;
}

/** `vol-FROM` to `vol-TO`. */
export function vols(from: number, to: number, version = 1): Vol[] {
  return Array.from({length: to - from + 1}, (_, i) => ({name: `vol-${from + i}`, version}));
}

/** The plaintext of a DEK: 16 bytes of key1, 16 of key2, such as stand nowhere else. */
export function keysOf({name, version = 1}: Vol): {key1: Buffer; key2: Buffer} {
  const [key1, key2] = [Buffer.alloc(16, 0xa7), Buffer.alloc(16, 0x5c)];
  for (const key of [key1, key2]) key.write(name.padEnd(11, '\u0007'), 1, 'latin1');
  key1.writeUInt32BE((0x9e3779b9 ^ version) >>> 0, 12);
  key2.writeUInt32BE((0x85ebca6b ^ version) >>> 0, 12);
  return {key1, key2};
}

export function manifestText(device: TestDevice, deks: readonly Vol[], changes: HeaderChanges = {}): string {
  const {
    edition,
    devices = [],
    login = true,
    credential = device.credential,
    credentialId = device.credentialId,
  } = changes;
  const header = Buffer.from(
    formatHeader({
      ...(edition ? {edition} : {}),
      devices,
      importKekKcv: keyCheckValue(device.kek),
      login: login
        ? {importKekId: device.kekId, credentialId, credential: wrapCredential(device.kek, credential)}
        : null,
    }),
  ).toString();
  const lines = deks.map((vol) => {
    const wrapped = wrapDek(device.kek, keysOf(vol));
    if (vol.altered) wrapped[20]! ^= 1;
    const opaque = Uint8Array.of(vol.version ?? 1);
    return formatEntry({name: vol.name, keySize: 128, keytag: false, opaque, wrapped});
  });
  return header + lines.map((line) => `${line}\n`).join('');
}

/** Writes a manifest into the device's directory, as those do who replace one, and returns its path. */
export function writeManifestFile(
  device: TestDevice,
  deks: readonly Vol[],
  changes: HeaderChanges & {file?: string} = {},
): string {
  const path = join(device.directory, changes.file ?? 'manifest');
  fs.writeFileSync(`${path}.new`, manifestText(device, deks, changes));
  fs.renameSync(`${path}.new`, path);
  return path;
}

/** What `held` says of an agent that holds exactly these, all READY. */
export function setOf(deks: readonly Vol[]): Record<string, string> {
  return Object.fromEntries(deks.map(({name, version = 1}) => [name, `READY ${version}`]));
}

/** The DEKs of an agent by name: state, and the version that the opaque tells. */
export async function held({client}: AgentProcess): Promise<Record<string, string>> {
  const deks = await client.listDeks();
  return Object.fromEntries(
    deks.map(({name, state, opaque}) => [name, `${state} ${Number.parseInt(opaque.slice(0, 2), 16)}`]),
  );
}

/** Applies the manifest at `path`. */
export function apply(
  agent: AgentProcess,
  path: string | undefined,
  options: {kek?: string; kekFormat?: KeyFormat; dryRun?: boolean; keepGoing?: boolean; query?: boolean} = {},
): ReturnType<AgentProcess['client']['apply']> {
  const {kek, kekFormat, dryRun = false, keepGoing = false, query} = options;
  return agent.client.apply({path, kek, kekFormat, dryRun, keepGoing, query});
}
