import * as Flags from '@oclif/core/flags';
import type {NewKeys} from '../bulk/make.js';
import {randomPlaintexts} from '../bulk/plaintexts.js';
import {fromHex, toHex, wipe} from '../bytes.js';
import {DekCommand} from '../cli/base.js';
import {KEK_USAGE, type KekResult, kekFlags, kekResult, kekSpecs, withKek} from '../cli/flags/kek.js';
import {type HeaderOptions, headerFlags, headerOf} from '../cli/manifest/manifest-header.js';
import {withCrew} from '../cli/manifest/many-deks.js';
import {type NewDekOptions, newDekFlags, newDeks} from '../cli/manifest/new-deks.js';
import {replaceManifest} from '../cli/manifest/replace-manifest.js';
import {deliver, deliverStream, type OutputOptions, outputFlags} from '../cli/output/output.js';
import {countDeks, nameDcv, nameDek, nameKek} from '../cli/output/phrases.js';
import {assertDistinctStreams} from '../custody/spec.js';
import {type DekLayout, KEYTAG_BYTES, type KeySize, layoutOf} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {assertNames} from '../manifest/names.js';
import {dcvHints, dekCheckValue} from '../wrap/dcv/dcv.js';
import type {KekHandle} from '../wrap/kek-handle.js';

interface KeygenResult extends KekResult {
  keySize: KeySize;
  /** The keytag, 0x and hex; it is no secret: the MKey is configured with it. */
  keytag: string | null;
  /** The check value and the hints of it in hex: public. null: the DEK was made where the KEK is, and nobody knows. */
  dcv: string | null;
  dcvHints: string | null;
  /** The wrapped DEK in hex. */
  wrapped: string;
  output: string | null;
}

/** With --name. */
interface KeygenManifestResult extends KekResult {
  /** How many were made. */
  deks: number;
  keySize: KeySize;
  keytag: boolean;
  /** The manifest that holds them; null: stdout. */
  output: string | null;
}

/** How many, under which names, and which manifest is theirs. */
interface ManifestOptions extends HeaderOptions, NewDekOptions {
  count?: number | undefined;
  manifest?: string | undefined;
  output?: string | undefined;
  force: boolean;
}

/** How many are made at a time. */
const PIECE_DEKS = 512;

/** For USAGE: what is made, what it is called in a manifest, the login of a new manifest. */
const DEK = `${KEK_USAGE} [--size BITS] [--keytag | --keytag-value HEX]`;
const NAMED = '--name NAME [--count N] [--first N] [--opaque TEXT]';
const LOGIN = '(--import-kek-id ID --credential-id ID --credential FILE | --no-login)';

export default class Keygen extends DekCommand {
  static override summary = 'generate random DEKs, wrapped under an import KEK';
  static override description =
    'Draws key1 and key2 at random and writes the wrapped DEK; the plaintext never leaves memory. The keytag, if ' +
    'there is one, is printed: it is not secret, and the MKey (in DPDK, the devarg "keytag") needs it. So is the ' +
    'check value (DCV), which tells the key from others however it is wrapped. With --name, the DEKs go into a ' +
    'manifest: the one given with --manifest, or a new one, which needs the ids and the wrapped credential of a ' +
    'login. Each then has a keytag of its own, which stands in the manifest with the DCV. A KEK in a token or at a ' +
    'KMIP server makes DEKs there: nobody here sees them, so that they have no keytag, and no DCV is known.';
  static override usage = [
    `${DEK} [--output FILE [--force]] [--format FORMAT] [--json]`,
    `${DEK} ${NAMED} --manifest FILE [--json]`,
    `${DEK} ${NAMED} ${LOGIN} [--device NAME,...] [--manifest-version N] [--output FILE [--force]] [--json]`,
  ];
  static override examples = [
    'dek keygen --kek file:kek.bin --output data.dek',
    'dek keygen --size 128 --keytag --kek cred:import-kek --format hex',
    'vault read -field=kek secret/nic | dek keygen --kek - --keytag-value 0123456789abcdef -o data.dek',
    "dek keygen --count 1000 --name 'vol-%05d' --keytag --kek file:kek.bin --import-kek-id 0x20 " +
      '--credential-id 0x10 --credential credential.wrapped > fleet.manifest',
    'dek keygen --manifest fleet.manifest --name vol-01001 --keytag --kek file:kek.bin',
  ];
  static override flags = {
    size: Flags.option({
      options: ['128', '256'] as const,
      default: '256',
      helpValue: 'BITS',
      description: 'bits of key1 and of key2: 128 or 256',
    })(),
    keytag: Flags.boolean({description: 'add a random keytag', exclusive: ['keytag-value']}),
    'keytag-value': Flags.string({helpValue: 'HEX', description: 'add this keytag (8 bytes in hex)'}),
    ...kekFlags,
    name: Flags.string({
      helpValue: 'NAME',
      description: 'add the DEK to a manifest under this name; with --count a pattern such as vol-%05d',
      exclusive: ['format'],
    }),
    count: Flags.integer({
      helpValue: 'N',
      min: 1,
      max: 2 ** 24,
      description: 'number of DEKs (default: 1)',
      dependsOn: ['name'],
    }),
    ...newDekFlags('name'),
    manifest: Flags.string({
      helpValue: 'FILE',
      description: 'add to this manifest instead of starting a new one',
      dependsOn: ['name'],
      exclusive: ['output'],
    }),
    ...headerFlags,
    ...outputFlags,
  };

  async run(): Promise<KeygenResult | KeygenManifestResult> {
    const {flags} = await this.parse(Keygen);
    assertDistinctStreams(...kekSpecs(flags), flags.credential);
    const keytagValue = flags['keytag-value'];
    if (keytagValue !== undefined) assertKeytag(keytagValue);
    const layout = layoutOf(Number(flags.size), flags.keytag || keytagValue !== undefined);
    const {name} = flags;
    return withKek<KeygenResult | KeygenManifestResult>(flags, (kek) => {
      if (kek.generate) this.#tellGenerated(layout);
      if (name !== undefined) return this.#makeManifest(kek, layout, keytagValue, {...flags, name});
      return kek.generate ? this.#generateOne(kek, layout, flags) : this.#makeOne(kek, layout, keytagValue, flags);
    });
  }

  /** What it means that they are made where the KEK is. Throws BAD_ARGUMENT for a keytag. */
  #tellGenerated({keytag}: DekLayout): void {
    if (keytag) {
      throw new DekError('BAD_ARGUMENT', 'a DEK that is made where the KEK is has no keytag: nobody would know it', {
        hint: 'make it elsewhere, and wrap it: dek wrap',
      });
    }
    this.note(
      'made where the KEK is: nobody has seen the key, so that its check value (DCV) is not known, and key1 and key2 ' +
        'were not compared',
    );
  }

  async #generateOne(kek: KekHandle, layout: DekLayout, flags: OutputOptions): Promise<KeygenResult> {
    const wrapped = await kek.generate!(1, layout.plaintextBytes);
    await deliver(wrapped, flags, this.jsonEnabled());
    this.note(`made a ${nameDek(layout)}, ${wrapped.length} bytes wrapped under ${nameKek(kekResult(kek))}`);
    const unknown = {keytag: null, dcv: null, dcvHints: null};
    const {output = null} = flags;
    return {keySize: layout.keySize, ...unknown, wrapped: toHex(wrapped), ...kekResult(kek), output};
  }

  async #makeOne(
    kek: KekHandle,
    layout: DekLayout,
    keytagValue: string | undefined,
    flags: OutputOptions,
  ): Promise<KeygenResult> {
    const plaintext = randomPlaintexts(layout, 1, keytagValue);
    try {
      // As strtoul(3) has to read it, for DPDK: without 0x it would take 35ba... for 35.
      const keytag = layout.keytag ? `0x${toHex(plaintext.subarray(-KEYTAG_BYTES))}` : null;
      const wrapped = await kek.wrap(plaintext, plaintext.length);
      await deliver(wrapped, flags, this.jsonEnabled());
      const what = `${nameDek(layout)}${keytag === null ? '' : ` ${keytag}`}`;
      const marks = {dcv: toHex(dekCheckValue(plaintext)), dcvHints: toHex(dcvHints(plaintext))};
      this.note(`made a ${what}, ${wrapped.length} bytes wrapped under ${nameKek(kekResult(kek))}`);
      this.note(nameDcv(marks.dcv));
      const {output = null} = flags;
      return {keySize: layout.keySize, keytag, ...marks, wrapped: toHex(wrapped), ...kekResult(kek), output};
    } finally {
      wipe(plaintext);
    }
  }

  async #makeManifest(
    kek: KekHandle,
    layout: DekLayout,
    keytagValue: string | undefined,
    {name, count = 1, first = 1, opaque, manifest, output, force, ...header}: ManifestOptions,
  ): Promise<KeygenManifestResult> {
    assertNames(name, first, count);
    const deks = newDeks(layout, {name, first, opaque}, keytagValue);
    const json = this.jsonEnabled();
    await withCrew([kek], !json, async (crew, tell) => {
      const {addToManifest, newManifest} = await import('../bulk/index.js');
      const [keys, onMade] = [{keys: inPieces(count), count}, tell('made', count)];
      crew.expect(count / PIECE_DEKS);
      if (manifest !== undefined) {
        await replaceManifest(manifest, addToManifest(crew, manifest, kek, deks, keys, onMade));
      } else {
        const chunks = newManifest(crew, await headerOf(header, kek), deks, keys, onMade);
        await deliverStream(chunks, {output, force}, {what: 'a manifest', json, isRaw: false});
      }
    });
    this.note(`made ${countDeks(count, layout)}, wrapped under ${nameKek(kekResult(kek))}`);
    const {keySize, keytag} = layout;
    return {deks: count, keySize, keytag, ...kekResult(kek), output: manifest ?? output ?? null};
  }
}

/** `count` new DEKs. */
async function* inPieces(count: number): AsyncGenerator<NewKeys, void> {
  for (let left = count; left > 0; left -= PIECE_DEKS) yield {count: Math.min(left, PIECE_DEKS)};
}

/** Throws BAD_ARGUMENT unless `hex` is a keytag. */
function assertKeytag(hex: string): void {
  const {length} = fromHex(hex, 'keytag-value');
  if (length === KEYTAG_BYTES) return;
  throw new DekError('BAD_ARGUMENT', `"keytag-value" expected ${KEYTAG_BYTES} bytes in hex, got ${length}`, {
    hint: 'write all 16 digits, 0x0000000000000001 for 1',
  });
}
