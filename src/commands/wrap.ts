import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type {Crew} from '../bulk/index.js';
import type {NewKeys} from '../bulk/make.js';
import {secretCopy, toHex, wipe} from '../bytes.js';
import {DekCommand} from '../cli/base.js';
import {kekFlag, sizeFlags} from '../cli/flags.js';
import {withKek} from '../cli/kek.js';
import {parseOpaque} from '../cli/opaque.js';
import {deliver, deliverStream, type OutputOptions, outputFlags} from '../cli/output.js';
import {Progress} from '../cli/progress.js';
import {replaceManifest} from '../cli/replace-manifest.js';
import {FORMATS} from '../custody/encoding.js';
import {readKeys} from '../custody/key-stream.js';
import {readSecret, withSecretDescriptor} from '../custody/source.js';
import {assertDistinctStreams} from '../custody/spec.js';
import {DEK_PLAINTEXT_BYTES, type DekLayout, type KeySize, layoutOf} from '../dek-layout.js';
import {assertDekName} from '../dek-name.js';
import {splitDek} from '../wrap/dek-keys.js';
import {wrapKey} from '../wrap/kw.js';

interface WrapResult {
  keySize: KeySize;
  /** Whether the DEK has a keytag. */
  keytag: boolean;
  /** The wrapped DEK in hex. */
  wrapped: string;
  kekKcv: string;
  /** The file or the manifest that holds it. */
  output: string | null;
}

/** With --size. */
interface WrapAllResult {
  /** How many were wrapped. */
  deks: number;
  keySize: KeySize;
  keytag: boolean;
  kekKcv: string;
  /** The file or the manifest that holds them; null: stdout. */
  output: string | null;
}

/** Which manifest is to hold them, and under which names. */
interface Target extends OutputOptions {
  manifest?: string | undefined;
  name?: string | undefined;
  first?: number | undefined;
  opaque?: string | undefined;
}

export default class Wrap extends DekCommand {
  static override summary = 'wrap plaintext DEKs under an import KEK';
  static override description =
    'The plaintext is key1, key2 and, if the DEK has one, its keytag: 32 or 40 bytes for a 128-bit DEK, 64 or 72 for a ' +
    '256-bit one, raw, hex or base64. The result is 8 bytes longer. With --manifest it is added to a manifest that was ' +
    'wrapped under the same KEK. With --size the source is any number of DEKs of that size, raw, one after the other, and so ' +
    'is the result; a file is written whole or not at all, what went to stdout counts only when the exit status is 0.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> file:dek.bin --kek file:kek.bin --output data.dek',
    'vault read -field=dek secret/disk | <%= config.bin %> <%= command.id %> - --kek fd:3 3< kek.bin > data.dek',
    '<%= config.bin %> <%= command.id %> file:dek.bin --kek file:kek.bin --manifest fleet.manifest --name vol-7',
    '<%= config.bin %> <%= command.id %> file:keys.bin --size 256 --keytag --kek file:kek.bin > wrapped.bin',
    "<%= config.bin %> <%= command.id %> file:keys.bin --size 256 --kek file:kek.bin --manifest fleet.manifest --name 'vol-%05d'",
  ];
  static override args = {
    source: Args.string({
      required: true,
      ignoreStdin: true,
      description: 'the plaintext: file:PATH, fd:N, - (stdin) or cred:NAME (systemd credential)',
    }),
  };
  static override flags = {
    kek: kekFlag,
    'input-format': Flags.option({
      options: FORMATS,
      description: 'how the plaintext stands, if its content should not tell',
      exclusive: ['size'],
    })(),
    ...sizeFlags,
    manifest: Flags.string({
      helpValue: 'FILE',
      description: 'add it to this manifest',
      dependsOn: ['name'],
      exclusive: ['output', 'format'],
    }),
    name: Flags.string({
      helpValue: 'NAME',
      description: 'what the manifest is to call it; with --size a pattern, as in vol-%05d',
      dependsOn: ['manifest'],
    }),
    first: Flags.integer({
      helpValue: 'N',
      min: 0,
      max: 2 ** 31,
      description: 'the number that %d stands for in the first name; 1 without',
      dependsOn: ['name', 'size'],
    }),
    opaque: Flags.string({
      helpValue: 'TEXT',
      description: 'up to 8 bytes that the NIC keeps with the DEK, as text or hex:DIGITS',
      dependsOn: ['manifest'],
    }),
    ...outputFlags,
  };

  async run(): Promise<WrapResult | WrapAllResult> {
    const {args, flags} = await this.parse(Wrap);
    assertDistinctStreams(args.source, flags.kek);
    const {size, keytag} = flags;
    return withKek<WrapResult | WrapAllResult>(flags.kek, (kek, kekKcv) =>
      size === undefined
        ? this.#wrapOne(kek, kekKcv, args.source, flags)
        : this.#wrapAll(kek, kekKcv, args.source, layoutOf(Number(size), keytag ?? false), flags),
    );
  }

  async #wrapOne(
    kek: Uint8Array,
    kekKcv: string,
    source: string,
    {'input-format': format, ...flags}: Target & {'input-format'?: (typeof FORMATS)[number] | undefined},
  ): Promise<WrapResult> {
    const plaintext = await readSecret(source, DEK_PLAINTEXT_BYTES, 'plaintext', format);
    try {
      const {keySize, keytag: tag} = splitDek(plaintext);
      const keytag = tag !== undefined;
      const wrapped = wrapKey(kek, plaintext);
      const {manifest, name} = flags;
      if (manifest === undefined || name === undefined) await deliver(wrapped, flags, this.jsonEnabled());
      else {
        assertDekName(name);
        const [layout, target] = [layoutOf(keySize, keytag), {...flags, manifest, name}];
        const keys = newKeys(one(secretCopy(plaintext)), layout.plaintextBytes);
        const {Crew} = await import('../bulk/index.js');
        await Crew.with([kek], (crew) => this.#add(crew, kek, layout, keys, target));
      }
      this.note(
        `wrapped a ${keySize}-bit DEK ${keytag ? 'with' : 'without'} keytag into ${wrapped.length} bytes under the KEK with KCV ${kekKcv}`,
      );
      return {keySize, keytag, wrapped: toHex(wrapped), kekKcv, output: manifest ?? flags.output ?? null};
    } finally {
      wipe(plaintext);
    }
  }

  async #wrapAll(
    kek: Uint8Array,
    kekKcv: string,
    source: string,
    layout: DekLayout,
    flags: Target,
  ): Promise<WrapAllResult> {
    const {keySize, keytag, plaintextBytes} = layout;
    const {manifest, name, output} = flags;
    const {Crew, wrapStream} = await import('../bulk/index.js');
    const progress = new Progress(!this.jsonEnabled());
    let deks = 0;
    const onProgress = (count: number): void => {
      deks = count;
      progress.update('wrapped', deks);
    };
    try {
      await withSecretDescriptor(source, 'plaintext', async (fd, title) => {
        const keys = readKeys(fd, plaintextBytes, title);
        await Crew.with([kek], (crew) =>
          manifest !== undefined && name !== undefined
            ? this.#add(crew, kek, layout, newKeys(keys, plaintextBytes), {...flags, manifest, name}, onProgress)
            : deliverStream(wrapStream(crew, keys, plaintextBytes, onProgress), flags, {
                what: 'a stream of wrapped DEKs',
                json: this.jsonEnabled(),
              }),
        );
      });
    } finally {
      progress.end();
    }
    const what = `${keySize}-bit ${deks === 1 ? 'DEK' : 'DEKs'} ${keytag ? 'with' : 'without'} keytag`;
    this.note(`wrapped ${deks} ${what} under the KEK with KCV ${kekKcv}`);
    return {deks, keySize, keytag, kekKcv, output: manifest ?? output ?? null};
  }

  /** Adds `keys` to the manifest, under names from the pattern `name`. */
  async #add(
    crew: Crew,
    kek: Uint8Array,
    {keySize, keytag}: DekLayout,
    keys: AsyncIterable<NewKeys>,
    {manifest, name, first = 1, opaque = ''}: Target & {manifest: string; name: string},
    onProgress: (deks: number) => void = () => {},
  ): Promise<void> {
    const {addToManifest} = await import('../bulk/index.js');
    const deks = {
      keySize,
      keytag,
      keytagValue: undefined,
      opaque: toHex(parseOpaque(opaque)),
      pattern: name,
      number: first,
    };
    await replaceManifest(manifest, addToManifest(crew, manifest, kek, deks, {keys}, onProgress));
  }
}

async function* newKeys(pieces: AsyncIterable<Uint8Array>, plaintextBytes: number): AsyncGenerator<NewKeys, void> {
  for await (const plaintexts of pieces) yield {count: plaintexts.length / plaintextBytes, plaintexts};
}

async function* one(piece: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield piece;
}
