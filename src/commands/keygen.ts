import * as Flags from '@oclif/core/flags';
import {toHex} from '../bytes.js';
import {DekCommand} from '../cli/base.js';
import {kekFlag} from '../cli/flags.js';
import {withKek} from '../cli/kek.js';
import {type HeaderOptions, headerFlags, headerOf} from '../cli/manifest-header.js';
import {parseOpaque} from '../cli/opaque.js';
import {deliver, type OutputOptions, outputFlags} from '../cli/output.js';
import {Progress} from '../cli/progress.js';
import {keytagSource, randomDek} from '../cli/random-dek.js';
import {replaceManifest} from '../cli/replace-manifest.js';
import {writeDescriptor} from '../custody/destination.js';
import {assertDistinctStreams} from '../custody/source.js';
import {writeWholeFile} from '../custody/whole-file.js';
import {DekError} from '../errors.js';
import {addToManifest} from '../manifest/add.js';
import {type ManifestDek, writeManifest} from '../manifest/index.js';
import {numberedNames} from '../manifest/names.js';

interface KeygenResult {
  keySize: 128 | 256;
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
  keySize: 128 | 256;
  keytag: boolean;
  kekKcv: string;
  /** The manifest that holds them; null: stdout. */
  output: string | null;
}

/** How to make the DEKs. */
interface DekOptions {
  keySize: 128 | 256;
  nextKeytag: () => Uint8Array | undefined;
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
    const dek = {keySize, nextKeytag: keytagSource(flags.keytag, flags['keytag-value'])} as const;
    const {name} = flags;
    return withKek<KeygenResult | KeygenManifestResult>(flags.kek, (kek, kcv) =>
      name === undefined ? this.#makeOne(kek, kcv, dek, flags) : this.#makeManifest(kek, kcv, dek, {...flags, name}),
    );
  }

  async #makeOne(kek: Uint8Array, kekKcv: string, dek: DekOptions, flags: OutputOptions): Promise<KeygenResult> {
    const {keySize} = dek;
    const keytag = dek.nextKeytag();
    const wrapped = randomDek(kek, keySize, keytag);
    await deliver(wrapped, flags, this.jsonEnabled());
    const shownTag = keytag ? toHex(keytag) : null;
    this.note(
      `made a ${keySize}-bit DEK ${shownTag ? `with keytag ${shownTag}` : 'without keytag'}, ${wrapped.length} bytes wrapped under the KEK with KCV ${kekKcv}`,
    );
    return {keySize, keytag: shownTag, wrapped: toHex(wrapped), kekKcv, output: flags.output ?? null};
  }

  async #makeManifest(
    kek: Uint8Array,
    kekKcv: string,
    {keySize, nextKeytag}: DekOptions,
    {name, count = 1, first = 1, manifest, output, force, ...flags}: ManifestOptions,
  ): Promise<KeygenManifestResult> {
    const names = numberedNames(name, first, count);
    const opaque = parseOpaque(flags.opaque ?? '');
    const progress = new Progress(!this.jsonEnabled());
    let [deks, hasKeytag] = [0, false];
    const make = (name: string): ManifestDek => {
      const tag = nextKeytag();
      hasKeytag = tag !== undefined;
      progress.update('made', ++deks, count);
      return {name, keySize, keytag: hasKeytag, opaque, wrapped: randomDek(kek, keySize, tag)};
    };
    try {
      if (manifest !== undefined) await replaceManifest(manifest, addToManifest(manifest, kek, names, make));
      else await this.#deliver(writeManifest(await headerOf(flags, kek), makeEach(names, make)), output, force);
    } finally {
      progress.end();
    }
    const what = `${keySize}-bit ${deks === 1 ? 'DEK' : 'DEKs'} ${hasKeytag ? 'with' : 'without'} keytag`;
    this.note(`made ${deks} ${what}, wrapped under the KEK with KCV ${kekKcv}`);
    return {deks, keySize, keytag: hasKeytag, kekKcv, output: manifest ?? output ?? null};
  }

  async #deliver(chunks: AsyncIterable<Uint8Array>, output: string | undefined, force: boolean): Promise<void> {
    if (output !== undefined) return writeWholeFile(output, chunks, {force});
    if (this.jsonEnabled()) {
      throw new DekError('BAD_ARGUMENT', 'a manifest is not part of --json', {hint: 'write it to --output FILE'});
    }
    for await (const chunk of chunks) await writeDescriptor(1, chunk, 'standard output');
  }
}

function* makeEach(names: Iterable<string>, make: (name: string) => ManifestDek): Generator<ManifestDek, void> {
  for (const name of names) yield make(name);
}
