/** Manifests for the tests of the commands that work on them. */
import {wrapCredential} from '../../../src/wrap/credential.js';
import {keyCheckValue} from '../../../src/wrap/kcv.js';
import {KEK, KeyFiles} from '../keys/key-files.js';
import {runDek} from '../process/run-dek.js';

/** 80 81 82 ... */
export const OTHER_KEK = new Uint8Array(16).map((_, i) => 0x80 + i);
/** Its key check value in hex. */
export const OTHER_KCV = Buffer.from(keyCheckValue(OTHER_KEK)).toString('hex');
/** c0 c1 c2 ... */
export const CREDENTIAL = new Uint8Array(40).map((_, i) => 0xc0 + i);

export class ManifestFiles extends KeyFiles {
  /** `OTHER_KEK` as `--to` takes it. */
  readonly otherKek = `file:${this.write('other-kek', OTHER_KEK)}`;
  readonly credential = this.write('credential.wrapped', wrapCredential(KEK, CREDENTIAL));
  /** The flags that make the header of a new manifest. */
  readonly header = ['--import-kek-id', '0x20', '--credential-id', '0x10', '--credential', this.credential];

  /**
   * Makes a manifest of `count` DEKs of 256 bits with keytag, vol-1 and so on, under `KEK`, with more flags; returns
   * its path.
   */
  async make(name: string, count: number, ...more: string[]): Promise<string> {
    const path = this.path(name);
    const args = [
      '--count',
      `${count}`,
      '--name',
      'vol-%d',
      '--keytag',
      ...this.header,
      ...more,
      '--output',
      path,
      '--force',
    ];
    const {status, stderr} = await runDek(['keygen', '--kek', this.kek, ...args]);
    if (status !== 0) throw new Error(stderr);
    return path;
  }
}
