import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {equalBytes, wipe} from '../bytes.js';
import {DekCommand} from '../cli/base.js';
import {sizeFlags} from '../cli/flags/flags.js';
import {formatFlag} from '../cli/flags/format-flag.js';
import {KEK_USAGE, type KekResult, kekFlags, kekResult, kekSpecs, withKek} from '../cli/flags/kek.js';
import {withCrew} from '../cli/manifest/many-deks.js';
import {deliver, deliverStream, outputFlags} from '../cli/output/output.js';
import {countDeks, nameDek, nameKek} from '../cli/output/phrases.js';
import {assertMayReveal, type RevealOptions} from '../cli/output/reveal.js';
import type {Format} from '../custody/encoding.js';
import {readKeys} from '../custody/key-stream.js';
import {readCiphertext, withCiphertextStream} from '../custody/source.js';
import {SOURCE_FORMS} from '../custody/sources/table.js';
import {assertDistinctStreams} from '../custody/spec.js';
import {DEK_WRAPPED_BYTES, type KeySize, layoutOf, plaintextBytes} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {splitDek, wholeButEqual} from '../wrap/dek-keys.js';
import type {KekHandle} from '../wrap/kek-handle.js';

/** Of one DEK. */
interface UnwrapResult extends KekResult {
  verified: true;
  keySize: KeySize;
  /** Whether the DEK has a keytag. */
  keytag: boolean;
}

/** With --size, or of a whole manifest. */
interface UnwrapAllResult extends KekResult {
  verified: true;
  deks: number;
}

interface UnwrapFlags extends RevealOptions {
  manifest?: string | undefined;
  name?: string | undefined;
  'input-format'?: Format | undefined;
  size?: string | undefined;
  keytag?: boolean | undefined;
}

/** For USAGE: how plaintext is written out. */
const REVEAL = '--reveal [--output FILE [--force]] [--format FORMAT]';

export default class Unwrap extends DekCommand {
  static override summary = 'verify wrapped DEKs, or reveal their plaintext';
  static override description =
    'Checks that a wrapped DEK (40, 48, 72 or 80 bytes) is intact and was wrapped under this KEK. The plaintext does ' +
    'not leave the process without --reveal. With --manifest, all DEKs of the manifest are unwrapped, or the one ' +
    'that --name gives. With --size, FILE is a raw stream of DEKs of that size, and so is the output. An output file ' +
    'is written whole or not at all; output on stdout is valid only if the exit status is 0 or 8. The first DEK at ' +
    'fault ends the command; dek manifest check lists them all. A DEK that is whole but whose key1 equals key2 is ' +
    'written too; the exit status is 8 then.';
  static override usage = [
    `FILE ${KEK_USAGE} [--input-format FORMAT] [--json | ${REVEAL}]`,
    `FILE ${KEK_USAGE} --size BITS [--keytag] [--json | --reveal [--output FILE [--force]]]`,
    `--manifest FILE ${KEK_USAGE} [--name NAME] [--json | ${REVEAL}]`,
  ];
  static override examples = [
    'dek unwrap data.dek --kek file:kek.bin',
    'dek unwrap data.dek --kek file:kek.bin --reveal --output dek.bin',
    'dek unwrap --manifest fleet.manifest --name vol-7 --kek file:kek.bin',
    'dek unwrap wrapped.bin --size 256 --keytag --kek file:kek.bin --reveal --output keys.bin',
  ];
  static override args = {
    file: Args.string({
      ignoreStdin: true,
      description: `wrapped DEK: a path, ${SOURCE_FORMS}`,
    }),
  };
  static override flags = {
    ...kekFlags,
    'input-format': formatFlag('the input', {exclusive: ['size']}),
    ...sizeFlags,
    manifest: Flags.string({
      helpValue: 'FILE',
      description: 'manifest with the wrapped DEKs',
      exclusive: ['input-format', 'size'],
    }),
    name: Flags.string({
      helpValue: 'NAME',
      description: 'DEK of the manifest to unwrap (default: all)',
      dependsOn: ['manifest'],
    }),
    reveal: Flags.boolean({description: 'write the plaintext, to --output or stdout'}),
    ...outputFlags,
  };

  async run(): Promise<UnwrapResult | UnwrapAllResult> {
    const {args, flags} = await this.parse(Unwrap);
    const {file} = args;
    const {manifest, name, size} = flags;
    assertDistinctStreams(file, ...kekSpecs(flags));
    if ((file === undefined) === (manifest === undefined)) {
      throw new DekError('BAD_ARGUMENT', 'name a file with a wrapped DEK, or give --manifest', {
        hint: 'dek unwrap FILE --kek SOURCE, or dek unwrap --manifest FILE --kek SOURCE',
      });
    }
    const isOne = size === undefined && (manifest === undefined || name !== undefined);
    assertMayReveal(flags, {json: this.jsonEnabled(), isOne});
    return withKek<UnwrapResult | UnwrapAllResult>(flags, (kek) =>
      isOne ? this.#unwrapOne(kek, file, flags) : this.#unwrapAll(kek, file, flags),
    );
  }

  async #unwrapOne(kek: KekHandle, file: string | undefined, flags: UnwrapFlags): Promise<UnwrapResult> {
    const wrapped = await readWrapped(file, flags);
    const plaintext = await kek.unwrap(wrapped, plaintextBytes(wrapped.length));
    try {
      const {keySize, keytag: tag, key1, key2} = splitDek(plaintext, {allowEqualKeys: true});
      const keytag = tag !== undefined;
      if (flags.reveal) await deliver(plaintext, flags, false);
      if (equalBytes(key1, key2)) throw wholeButEqual();
      this.#report(flags, `${nameDek({keySize, keytag})}, wrapped under ${nameKek(kekResult(kek))}`);
      return {verified: true, keySize, keytag, ...kekResult(kek)};
    } finally {
      wipe(plaintext);
    }
  }

  async #unwrapAll(kek: KekHandle, file: string | undefined, flags: UnwrapFlags): Promise<UnwrapAllResult> {
    const {manifest, reveal, size, keytag} = flags;
    let [equal, firstEqual] = [0, ''];
    const onEqual = (dek: string): void => {
      if (equal++ === 0) firstEqual = dek;
    };
    const deks = await withCrew([kek], !this.jsonEnabled(), async (crew, count) => {
      const {unwrapManifest, unwrapStream} = await import('../bulk/index.js');
      const onProgress = count('unwrapped');
      if (manifest !== undefined) {
        return this.#deliver(unwrapManifest(crew, {path: manifest, kek, reveal, onEqual}, onProgress), flags);
      }
      const layout = layoutOf(Number(size), keytag ?? false);
      await withCiphertextStream(file!, 'wrapped', (read, title) => {
        const keys = readKeys(read, layout.wrappedBytes, title);
        return this.#deliver(
          unwrapStream(crew, keys, {plaintextBytes: layout.plaintextBytes, reveal, onEqual}, onProgress),
          flags,
        );
      });
    });
    if (equal > 0) throw wholeButEqual(`${firstEqual}${equal > 1 ? `, and ${equal - 1} more` : ''}: `);
    this.#report(flags, `${countDeks(deks)}, wrapped under ${nameKek(kekResult(kek))}`);
    return {verified: true, deks, ...kekResult(kek)};
  }

  /** Writes the plaintexts out; without --reveal there are none, and they are only asked for. */
  async #deliver(plaintexts: AsyncIterable<Uint8Array>, flags: UnwrapFlags): Promise<void> {
    if (flags.reveal) {
      return deliverStream(plaintexts, flags, {what: 'a stream of keys', json: this.jsonEnabled(), isSecret: true});
    }
    for await (const _ of plaintexts);
  }

  /** That it is in order is the result, unless the plaintext is. */
  #report({reveal}: UnwrapFlags, what: string): void {
    if (reveal) this.note(`revealed: ${what}`);
    else this.log(`ok: ${what}`);
  }
}

async function readWrapped(
  file: string | undefined,
  {manifest, name, 'input-format': format}: UnwrapFlags,
): Promise<Uint8Array> {
  if (file !== undefined) return readCiphertext(file, DEK_WRAPPED_BYTES, 'wrapped', format);
  const {findWrapped} = await import('../manifest/find.js');
  return findWrapped(manifest!, name!);
}
