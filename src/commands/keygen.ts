import * as Flags from '@oclif/core/flags';
import type {Crew} from '../bulk/index.js';
import type {NewKeys} from '../bulk/make.js';
import {randomPlaintexts} from '../bulk/plaintexts.js';
import {fromHex, toHex, wipe} from '../bytes.js';
import {DekCommand} from '../cli/base.js';
import {kekFlag} from '../cli/flags.js';
import {withKek} from '../cli/kek.js';
import {type HeaderOptions, headerFlags, headerOf} from '../cli/manifest-header.js';
import {parseOpaque} from '../cli/opaque.js';
import {deliver, deliverStream, type OutputOptions, outputFlags} from '../cli/output.js';
import {Progress} from '../cli/progress.js';
import {replaceManifest} from '../cli/replace-manifest.js';
import {assertDistinctStreams} from '../custody/spec.js';
import {KEYTAG_BYTES, type KeySize, layoutOf} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {assertNames} from '../manifest/names.js';
import {wrapKey} from '../wrap/kw.js';

interface KeygenResult {
  keySize: KeySize;
  /** The keytag in hex; it is no secret: the MKey is configured with it. */
  keytag: string | null;
  /** The wrapped DEK in hex. */
  wrapped: string;
  kekKcv: string;
  output: string | null;
}

/** With --name. */
interface KeygenManifestResult {
  /** How many were made. */
  deks: number;
  keySize: KeySize;
  keytag: boolean;
  kekKcv: string;
  /** The manifest that holds them; null: stdout. */
  output: string | null;
}

/** How to make the DEKs. */
interface DekOptions {
  keySize: KeySize;
  keytag: boolean;
  /** In hex; random without. */
  keytagValue: string | undefined;
}

/** How to name them, and which manifest is theirs. */
interface ManifestOptions extends HeaderOptions {
  name: string;
  count?: number | undefined;
  first?: number | undefined;
  opaque?: string | undefined;
  manifest?: string | undefined;
  output?: string | undefined;
  force: boolean;
}

/** How many are made at a time. */
const PIECE_DEKS = 512;

export default class Keygen extends DekCommand {
  static override summary = 'make random DEKs that leave memory only wrapped';
  static override description =
    'Draws key1 and key2 at random, wraps them under an import KEK, and forgets them. A keytag, if the ' +
    'DEK is to have one, is printed: it is no secret, and the MKey (for DPDK the devarg "keytag") needs it. ' +
    'With --name the DEKs go into a manifest, each with a keytag of its own that is not printed: with --manifest into ' +
    'one that is there, else into a new one, which needs the ids and the wrapped credential of a login.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --kek file:kek.bin --output data.dek',
    '<%= config.bin %> <%= command.id %> --size 128 --keytag --kek cred:import-kek --format hex',
    'vault read -field=kek secret/nic | <%= config.bin %> <%= command.id %> --kek - --keytag-value 0123456789abcdef -o data.dek',
    "<%= config.bin %> <%= command.id %> --count 1000 --name 'vol-%05d' --keytag --kek file:kek.bin --import-kek-id 0x20 " +
      '--credential-id 0x10 --credential credential.wrapped > fleet.manifest',
    '<%= config.bin %> <%= command.id %> --manifest fleet.manifest --name vol-01001 --keytag --kek file:kek.bin',
  ];
  static override flags = {
    size: Flags.option({options: ['128', '256'] as const, default: '256', description: 'bits of key1 and of key2'})(),
    keytag: Flags.boolean({description: 'put a random keytag inside the wrap', exclusive: ['keytag-value']}),
    'keytag-value': Flags.string({helpValue: 'HEX', description: 'put this keytag, 8 bytes in hex, inside the wrap'}),
    kek: kekFlag,
    name: Flags.string({
      helpValue: 'NAME',
      description: 'put it into a manifest under this name; for several a pattern, as in vol-%05d',
      exclusive: ['format'],
    }),
    count: Flags.integer({
      helpValue: 'N',
      min: 1,
      max: 2 ** 24,
      description: 'how many DEKs; one without',
      dependsOn: ['name'],
    }),
    first: Flags.integer({
      helpValue: 'N',
      min: 0,
      max: 2 ** 31,
      description: 'the number that %d stands for in the first name; 1 without',
      dependsOn: ['name'],
    }),
    opaque: Flags.string({
      helpValue: 'TEXT',
      description: 'up to 8 bytes that the NIC keeps with the DEK, as text or hex:DIGITS',
      dependsOn: ['name'],
    }),
    manifest: Flags.string({
      helpValue: 'FILE',
      description: 'add to this manifest instead of starting one',
      dependsOn: ['name'],
      exclusive: ['output'],
    }),
    ...headerFlags,
    ...outputFlags,
  };

  async run(): Promise<KeygenResult | KeygenManifestResult> {
    const {flags} = await this.parse(Keygen);
    assertDistinctStreams(flags.kek, flags.credential);
    const keySize = flags.size === '128' ? 128 : 256;
    const keytagValue = flags['keytag-value'];
    if (keytagValue !== undefined) assertKeytag(keytagValue);
    const dek = {keySize, keytag: flags.keytag || keytagValue !== undefined, keytagValue} as const;
    const {name} = flags;
    return withKek<KeygenResult | KeygenManifestResult>(flags.kek, (kek, kcv) =>
      name === undefined ? this.#makeOne(kek, kcv, dek, flags) : this.#makeManifest(kek, kcv, dek, {...flags, name}),
    );
  }

  async #makeOne(kek: Uint8Array, kekKcv: string, dek: DekOptions, flags: OutputOptions): Promise<KeygenResult> {
    const {keySize, keytag, keytagValue} = dek;
    const layout = layoutOf(keySize, keytag);
    const plaintext = randomPlaintexts(layout, 1, keytagValue);
    try {
      const shownTag = keytag ? toHex(plaintext.subarray(-KEYTAG_BYTES)) : null;
      const wrapped = wrapKey(kek, plaintext);
      await deliver(wrapped, flags, this.jsonEnabled());
      this.note(
        `made a ${keySize}-bit DEK ${shownTag ? `with keytag ${shownTag}` : 'without keytag'}, ${wrapped.length} bytes wrapped under the KEK with KCV ${kekKcv}`,
      );
      return {keySize, keytag: shownTag, wrapped: toHex(wrapped), kekKcv, output: flags.output ?? null};
    } finally {
      wipe(plaintext);
    }
  }

  async #makeManifest(
    kek: Uint8Array,
    kekKcv: string,
    {keySize, keytag, keytagValue}: DekOptions,
    {name, count = 1, first = 1, manifest, output, force, ...flags}: ManifestOptions,
  ): Promise<KeygenManifestResult> {
    assertNames(name, first, count);
    const opaque = toHex(parseOpaque(flags.opaque ?? ''));
    const deks = {keySize, keytag, keytagValue, opaque, pattern: name, number: first};
    const {Crew, addToManifest, newManifest} = await import('../bulk/index.js');
    const progress = new Progress(!this.jsonEnabled());
    const onMade = (made: number): void => progress.update('made', made, count);
    const make = async (crew: Crew): Promise<void> => {
      const keys = {keys: inPieces(count), count};
      crew.expect(count / PIECE_DEKS);
      if (manifest !== undefined) {
        await replaceManifest(manifest, addToManifest(crew, manifest, kek, deks, keys, onMade));
      } else {
        const chunks = newManifest(crew, await headerOf(flags, kek), deks, keys, onMade);
        await deliverStream(chunks, {output, force}, {what: 'a manifest', json: this.jsonEnabled(), isRaw: false});
      }
    };
    try {
      await Crew.with([kek], make);
    } finally {
      progress.end();
    }
    const what = `${keySize}-bit ${count === 1 ? 'DEK' : 'DEKs'} ${keytag ? 'with' : 'without'} keytag`;
    this.note(`made ${count} ${what}, wrapped under the KEK with KCV ${kekKcv}`);
    return {deks: count, keySize, keytag, kekKcv, output: manifest ?? output ?? null};
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
  throw new DekError('BAD_ARGUMENT', `"keytag-value" expected ${KEYTAG_BYTES} bytes in hex, got ${length}`);
}
