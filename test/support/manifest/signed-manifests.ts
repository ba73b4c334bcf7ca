/** Signed manifests of a virtual ConnectX, and who may sign them. */
import fs from 'node:fs';
import {join} from 'node:path';
import {type Edition, newEdition} from '../../../src/manifest/fields/edition.js';
import {formatRelease, newRelease, type ReleasedManifest} from '../../../src/manifest/release/release.js';
import {digestsOf} from '../../../src/manifest/signature/digests.js';
import type {Namespace} from '../../../src/manifest/signature/sshsig.js';
import {type Vol, writeManifestFile} from '../agent/agent-manifests.js';
import {SoftKey} from '../keys/soft-key.js';
import type {TestDevice} from '../nic/device.js';

/** The host that the agents of these tests are. */
export const HOST = 'node-1';

/** A manifest of these DEKs: which edition, who signs it, and in which file. */
export interface Signed {
  readonly edition?: Partial<Edition>;
  readonly by?: readonly SoftKey[];
  readonly file?: string;
}

export class SignedManifests {
  readonly alice = new SoftKey();
  readonly bob = new SoftKey();
  readonly stranger = new SoftKey();
  readonly first = newEdition();
  readonly device: TestDevice;
  /** The file of allowed signers: alice and bob. */
  readonly allowed: string;

  constructor(device: TestDevice) {
    this.device = device;
    this.allowed = join(device.directory, 'allowed');
    fs.writeFileSync(this.allowed, `alice ${this.alice.text}\nbob ${this.bob.text}\n`, {mode: 0o644});
  }

  /** What starts an agent that asks for these signers. */
  get args(): string[] {
    return ['--allowed-signers', this.allowed, '--host', HOST];
  }

  /** Writes a manifest, and signs it by alice where nobody else is named; returns its path. */
  write(deks: readonly Vol[], {edition = {}, by = [this.alice], file = 'manifest'}: Signed = {}): string {
    const path = writeManifestFile(this.device, deks, {edition: {...this.first, ...edition}, file});
    if (by.length > 0) sign(path, 'dek-manifest', by);
    else fs.rmSync(`${path}.sig`, {force: true});
    return path;
  }

  /** Writes a release of manifests that are there, and signs it by alice. */
  release(file: string, ...manifests: readonly (Omit<ReleasedManifest, 'digest'> & {path: string})[]): string {
    const path = join(this.device.directory, file);
    const listed = manifests.map(({path: of, ...rest}) => ({...rest, digest: digestsOf(fs.readFileSync(of)).sha256}));
    fs.writeFileSync(path, formatRelease(newRelease(listed)));
    sign(path, 'dek-release', [this.alice]);
    return path;
  }
}

/** Signs a file anew. */
export function sign(path: string, namespace: Namespace, by: readonly SoftKey[]): void {
  fs.writeFileSync(`${path}.sig.new`, SoftKey.signatures(namespace, digestsOf(fs.readFileSync(path)), by));
  fs.renameSync(`${path}.sig.new`, `${path}.sig`);
}
