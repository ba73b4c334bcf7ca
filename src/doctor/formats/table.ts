/** The formats that `dek convert` takes from and gives: one list, from which its options and messages come. */
import {buffer} from 'node:stream/consumers';
import {toHex} from '../../bytes.js';
import {decode} from '../../custody/encoding.js';
import {DEK_WRAPPED_BYTES, type LoginOptions, layoutOfWrapped} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {assertRegularFile} from '../../files/small-file.js';
import {newEdition, openManifest, writeManifest} from '../../manifest/index.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import {readDpdk, writeDpdk} from './dpdk.js';
import {type Material, type NamedDek, onlyOne, type ReadOptions, single} from './material.js';
import {readC, readNumbers, writeC, writePerftest} from './numbers.js';
import {readPyverbs, writePyverbs} from './pyverbs.js';

/** What a writer may need. */
export interface WriteOptions {
  /** Where the tests of a peer compare data. */
  readonly kek: KekHandle | undefined;
  /** The ids that the login of a manifest names. */
  readonly ids: Pick<LoginOptions, 'credentialId' | 'importKekId'> | undefined;
}

interface FileFormat {
  /** Whether a file of it names its DEKs. */
  readonly hasNames: boolean;
  /** Throws BAD_INPUT. */
  read(bytes: Uint8Array, options: ReadOptions, path: string): Material | Promise<Material>;
  write(material: Material, options: WriteOptions): Uint8Array | string | Promise<Uint8Array | string>;
}

const text = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** Each by its name. */
export const FILE_FORMATS = {
  raw: {
    hasNames: false,
    read: (bytes, options) => single(decode(bytes, DEK_WRAPPED_BYTES, 'the file', 'raw'), options),
    write: (material) => onlyOne(material, 'raw'),
  },
  hex: {
    hasNames: false,
    read: (bytes, options) => single(decode(bytes, DEK_WRAPPED_BYTES, 'the file', 'hex'), options),
    write: (material) => `${toHex(onlyOne(material, 'hex'))}\n`,
  },
  c: {
    hasNames: true,
    read: (bytes, options) => readC(text(bytes), options),
    write: (material) => writeC(material),
  },
  perftest: {
    hasNames: false,
    read: (bytes, options) => readNumbers(text(bytes), options),
    write: (material) => writePerftest(material),
  },
  dpdk: {
    hasNames: true,
    read: (bytes, options) => readDpdk(text(bytes), options),
    write: (material) => writeDpdk(material),
  },
  pyverbs: {
    hasNames: true,
    read: (bytes) => readPyverbs(text(bytes)),
    write: (material, {kek}) => writePyverbs(material, kek),
  },
  manifest: {hasNames: true, read: (_bytes, _options, path) => readFromManifest(path), write: writeToManifest},
} as const satisfies Readonly<Record<string, FileFormat>>;

export type FileFormatName = keyof typeof FILE_FORMATS;

/** The names. */
export const FILE_FORMAT_NAMES = Object.keys(FILE_FORMATS) as FileFormatName[];

async function readFromManifest(path: string): Promise<Material> {
  await assertRegularFile(path);
  const {header, entries} = await openManifest(path);
  const deks: NamedDek[] = [];
  for await (const {name, wrapped} of entries) deks.push({name, wrapped});
  return {credential: header.login?.credential ?? null, deks};
}

async function writeToManifest({credential, deks}: Material, {kek, ids}: WriteOptions): Promise<Uint8Array> {
  if (credential !== null && ids === undefined) {
    throw new DekError('BAD_ARGUMENT', 'a manifest with a credential names its ids', {
      hint: 'add --credential-id ID --import-kek-id ID, or leave the credential out with --name NAME',
    });
  }
  const header = {
    edition: newEdition(),
    devices: [],
    importKekKcv: kek?.kcv ?? null,
    login: credential === null ? null : {...ids!, credential},
  };
  const entries = deks.map(({name, wrapped}) => {
    const {keySize, keytag} = layoutOfWrapped(wrapped.length);
    return {name, keySize, keytag, opaque: new Uint8Array(), wrapped};
  });
  return buffer(writeManifest(header, entries));
}
