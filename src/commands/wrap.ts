import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type {PlainKeys} from '../bulk/jobs/raw-jobs.js';
import type {NewKeys} from '../bulk/make.js';
import {equalBytes, secretCopy, toHex, wipe} from '../bytes.js';
import {DekCommand} from '../cli/base.js';
import {sizeFlags} from '../cli/flags/flags.js';
import {formatFlag} from '../cli/flags/format-flag.js';
import {hexFlag} from '../cli/flags/hex-flag.js';
import {KEK_USAGE, type KekResult, kekFlags, kekResult, kekSpecs, withKek} from '../cli/flags/kek.js';
import {type DcvFileOptions, dcvFileFlags, dcvOutput, withExpected} from '../cli/manifest/dcv-files.js';
import {withCrew} from '../cli/manifest/many-deks.js';
import {type NewDekOptions, newDekFlags, newDeks} from '../cli/manifest/new-deks.js';
import {replaceManifest} from '../cli/manifest/replace-manifest.js';
import {deliver, deliverStream, type OutputOptions, outputFlags} from '../cli/output/output.js';
import {countDeks, nameDcv, nameDek, nameKek} from '../cli/output/phrases.js';
import type {Format} from '../custody/encoding.js';
import {readKeys} from '../custody/key-stream.js';
import {readSecret, withSecretStream} from '../custody/source.js';
import {SOURCE_FORMS} from '../custody/sources/table.js';
import {assertDistinctStreams} from '../custody/spec.js';
import {DCV_BYTES, DEK_PLAINTEXT_BYTES, type DekLayout, type KeySize, layoutOf} from '../dek-layout.js';
import {assertDekName} from '../dek-name.js';
import {arrangementIn, dcvHints, dekCheckValue} from '../wrap/dcv/dcv.js';
import {anotherKey} from '../wrap/dcv/wrong-key.js';
import {equalKeys, splitDek} from '../wrap/dek-keys.js';
import type {KekHandle} from '../wrap/kek-handle.js';

interface WrapResult extends KekResult {
  keySize: KeySize;
  /** Whether the DEK has a keytag. */
  keytag: boolean;
  /** The check value and the hints of it in hex: public. */
  dcv: string;
  dcvHints: string;
  /** The wrapped DEK in hex. */
  wrapped: string;
  /** The file or the manifest that holds it. */
  output: string | null;
}

/** With --size. */
interface WrapAllResult extends KekResult {
  /** How many were wrapped. */
  deks: number;
  keySize: KeySize;
  keytag: boolean;
  /** The file or the manifest that holds them; null: stdout. */
  output: string | null;
}

/** Where they go: to an output, or, with both of these, into a manifest. */
interface Target extends OutputOptions, Omit<NewDekOptions, 'name'> {
  manifest?: string | undefined;
  name?: string | undefined;
}

interface WrapFlags extends Target, DcvFileOptions {
  'input-format'?: Format | undefined;
  dcv?: Uint8Array | undefined;
}

/** For USAGE: what one DEK is wrapped from, and what a stream of DEKs is. */
const ONE = `SOURCE ${KEK_USAGE} [--dcv HEX] [--input-format FORMAT]`;
const STREAM = `SOURCE ${KEK_USAGE} --size BITS [--keytag] [--dcv-input FILE] [--input-format raw]`;

export default class Wrap extends DekCommand {
  static override summary = 'wrap plaintext DEKs under an import KEK';
  static override description =
    'The plaintext is key1, key2 and the keytag, if there is one: 32 or 40 bytes for a 128-bit DEK, 64 or 72 bytes ' +
    'for a 256-bit DEK. The wrapped DEK is 8 bytes longer. With --manifest, it is added to a manifest that was ' +
    'wrapped under the same KEK. With --size, SOURCE is a raw stream of DEKs of that size, and so is the output. A ' +
    'check value (DCV) that is given is compared with the key: one that was put together wrongly, or is another, ' +
    'is refused. An output file is written whole or not at all; output on stdout is valid only if the exit status ' +
    'is 0.';
  static override usage = [
    `${ONE} [--output FILE [--force]] [--format FORMAT] [--json]`,
    `${ONE} --manifest FILE --name NAME [--opaque TEXT] [--json]`,
    `${STREAM} [--dcv-output FILE] [--output FILE [--force]] [--json]`,
    `${STREAM} --manifest FILE --name NAME [--first N] [--opaque TEXT] [--json]`,
  ];
  static override examples = [
    'dek wrap file:dek.bin --kek file:kek.bin --output data.dek',
    'vault read -field=dek secret/disk | dek wrap - --kek fd:3 3< kek.bin > data.dek',
    'dek wrap file:dek.bin --kek file:kek.bin --manifest fleet.manifest --name vol-7',
    'dek wrap file:dek.bin --kek file:kek.bin --dcv 21dd5e59f72d3d2f01d0bb048a7251d2 --output data.dek',
    'dek wrap file:keys.bin --size 256 --keytag --kek file:kek.bin > wrapped.bin',
    "dek wrap file:keys.bin --size 256 --kek file:kek.bin --manifest fleet.manifest --name 'vol-%05d'",
  ];
  static override args = {
    source: Args.string({
      required: true,
      ignoreStdin: true,
      description: `plaintext DEK: ${SOURCE_FORMS}`,
    }),
  };
  static override flags = {
    ...kekFlags,
    'input-format': formatFlag('the input'),
    ...sizeFlags,
    dcv: hexFlag(DCV_BYTES, {
      description: 'refuse a key that does not have this check value (16 bytes in hex)',
      exclusive: ['size'],
    }),
    ...dcvFileFlags,
    manifest: Flags.string({
      helpValue: 'FILE',
      description: 'add the DEK to this manifest',
      dependsOn: ['name'],
      exclusive: ['output', 'format'],
    }),
    name: Flags.string({
      helpValue: 'NAME',
      description: 'name of the DEK in the manifest; with --size a pattern such as vol-%05d',
      dependsOn: ['manifest'],
    }),
    ...newDekFlags('name', 'size'),
    ...outputFlags,
  };

  async run(): Promise<WrapResult | WrapAllResult> {
    const {args, flags} = await this.parse(Wrap);
    assertDistinctStreams(args.source, ...kekSpecs(flags));
    const {size, keytag} = flags;
    return withKek<WrapResult | WrapAllResult>(flags, (kek) =>
      size === undefined
        ? this.#wrapOne(kek, args.source, flags)
        : this.#wrapAll(kek, args.source, layoutOf(Number(size), keytag ?? false), flags),
    );
  }

  async #wrapOne(kek: KekHandle, source: string, {'input-format': format, ...flags}: WrapFlags): Promise<WrapResult> {
    const plaintext = await readSecret(source, DEK_PLAINTEXT_BYTES, 'plaintext', format);
    try {
      const {keySize, keytag: tag, key1, key2} = splitDek(plaintext, {allowEqualKeys: true});
      if (equalBytes(key1, key2)) throw equalKeys();
      const dcv = dekCheckValue(plaintext);
      if (flags.dcv && !equalBytes(dcv, flags.dcv)) throw anotherKey(arrangementIn(plaintext, flags.dcv));
      const layout = layoutOf(keySize, tag !== undefined);
      const wrapped = await kek.wrap(plaintext, plaintext.length);
      const {manifest, name, output} = flags;
      if (manifest === undefined || name === undefined) await deliver(wrapped, flags, this.jsonEnabled());
      else {
        assertDekName(name);
        await this.#add(kek, layout, copyOf(plaintext), {...flags, manifest, name});
      }
      this.note(`wrapped a ${nameDek(layout)} into ${wrapped.length} bytes under ${nameKek(kekResult(kek))}`);
      const marks = {dcv: toHex(dcv), dcvHints: toHex(dcvHints(plaintext))};
      this.note(nameDcv(marks.dcv));
      const where = manifest ?? output ?? null;
      return {keySize, keytag: layout.keytag, ...marks, wrapped: toHex(wrapped), ...kekResult(kek), output: where};
    } finally {
      wipe(plaintext);
    }
  }

  async #wrapAll(kek: KekHandle, source: string, layout: DekLayout, flags: WrapFlags): Promise<WrapAllResult> {
    const {keySize, keytag, plaintextBytes} = layout;
    const {manifest, name, output} = flags;
    const deks = await withSecretStream(source, 'plaintext', (read, title) => {
      const pieces = readKeys(read, plaintextBytes, title, flags['input-format']);
      const keys = withExpected(pieces, plaintextBytes, flags['dcv-input']);
      return manifest !== undefined && name !== undefined
        ? this.#add(kek, layout, keys, {...flags, manifest, name})
        : this.#write(kek, layout, keys, flags);
    });
    this.note(`wrapped ${countDeks(deks, layout)} under ${nameKek(kekResult(kek))}`);
    return {deks, keySize, keytag, ...kekResult(kek), output: manifest ?? output ?? null};
  }

  /** Adds DEKs to the manifest, under names from the pattern `name`; returns how many. */
  #add(
    kek: KekHandle,
    layout: DekLayout,
    plain: AsyncIterable<PlainKeys>,
    {manifest, ...names}: NewDekOptions & {manifest: string},
  ): Promise<number> {
    const deks = newDeks(layout, names);
    return withCrew([kek], !this.jsonEnabled(), async (crew, count) => {
      const {addToManifest} = await import('../bulk/index.js');
      const keys = newKeys(plain, layout.plaintextBytes);
      await replaceManifest(manifest, addToManifest(crew, manifest, kek, deks, {keys}, count('wrapped')));
    });
  }

  /** Writes DEKs out, raw; returns how many. */
  #write(
    kek: KekHandle,
    {plaintextBytes}: DekLayout,
    keys: AsyncIterable<PlainKeys>,
    flags: OutputOptions & DcvFileOptions,
  ): Promise<number> {
    const json = this.jsonEnabled();
    const values = dcvOutput(flags['dcv-output'], flags);
    return withCrew([kek], !json, async (crew, count) => {
      const {wrapStream} = await import('../bulk/index.js');
      const chunks = wrapStream(crew, keys, {plaintextBytes, onValues: values?.add}, count('wrapped'));
      await deliverStream(values ? values.writtenAfter(chunks) : chunks, flags, {
        what: 'a stream of wrapped DEKs',
        json,
      });
    });
  }
}

async function* newKeys(keys: AsyncIterable<PlainKeys>, plaintextBytes: number): AsyncGenerator<NewKeys, void> {
  for await (const {bytes, expected} of keys) {
    yield {count: bytes.length / plaintextBytes, plaintexts: bytes, expected};
  }
}

/** A copy for the one who asks for it, and wipes it. */
async function* copyOf(plaintext: Uint8Array): AsyncGenerator<PlainKeys, void> {
  yield {bytes: secretCopy(plaintext)};
}
