/** The KEK, DEKs and files that the tests of the key commands share. */
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {keyCheckValue} from '../../../src/wrap/kcv.js';
import type {Run} from '../process/run-dek.js';

/** 00 01 02 ... */
export const KEK = new Uint8Array(32).map((_, i) => i);
/** Its key check value in hex. */
export const KCV = Buffer.from(keyCheckValue(KEK)).toString('hex');

/** A DEK with key1 10 11 12 ..., key2 80 81 82 ... and keytag "keytag:1". */
export function plaintextOf(keySize: number, keytag: boolean): Buffer {
  const keyBytes = keySize / 8;
  const key1 = Buffer.alloc(keyBytes).map((_, i) => 0x10 + i);
  const key2 = Buffer.alloc(keyBytes).map((_, i) => 0x80 + i);
  return Buffer.concat([key1, key2, Buffer.from(keytag ? 'keytag:1' : '')]);
}

/** A directory for the files of one suite, removed after it. */
export class KeyFiles {
  readonly directory = fs.mkdtempSync(join(tmpdir(), 'dek-keys-'));
  /** The KEK as `--kek` takes it. */
  readonly kek = `file:${this.write('kek', KEK)}`;

  constructor() {
    after(() => fs.rmSync(this.directory, {recursive: true}));
  }

  /** A path in the directory, where nothing is yet. */
  path(name: string): string {
    return join(this.directory, name);
  }

  /** Writes a file that others cannot read, unless `mode` says so; returns its path. */
  write(name: string, content: Uint8Array | string, mode = 0o600): string {
    fs.writeFileSync(this.path(name), content, {mode});
    return this.path(name);
  }
}

/** What `--json` printed. */
export function json({stdout}: Run): Record<string, unknown> {
  return JSON.parse(stdout.toString());
}
