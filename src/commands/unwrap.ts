import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {wipe} from '../bytes.js';
import {DekCommand} from '../cli/base.js';
import {kekFlag} from '../cli/flags.js';
import {withKek} from '../cli/kek.js';
import {deliver, outputFlags} from '../cli/output.js';
import {FORMATS, type Format} from '../custody/encoding.js';
import {assertDistinctStreams, readCiphertext} from '../custody/source.js';
import {DekError} from '../errors.js';
import {openManifest} from '../manifest/index.js';
import {splitDek} from '../wrap/dek.js';
import {unwrapKey} from '../wrap/kw.js';
import {DEK_WRAPPED_BYTES} from '../wrap/layout.js';

interface UnwrapResult {
  verified: true;
  keySize: 128 | 256;
  /** Whether the DEK has a keytag. */
  keytag: boolean;
  kekKcv: string;
}

export default class Unwrap extends DekCommand {
  static override summary = 'verify a wrapped DEK; with --reveal, write its plaintext';
  static override description =
    'Checks that the wrapped DEK (40, 48, 72 or 80 bytes) is whole and belongs to this KEK, and that its two keys differ. ' +
    'Without --reveal the plaintext does not leave this process. The DEK is in a file of its own, or with --manifest in a ' +
    'manifest; dek manifest check verifies all DEKs of one.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> data.dek --kek file:kek.bin',
    '<%= config.bin %> <%= command.id %> data.dek --kek file:kek.bin --reveal --output dek.bin',
    '<%= config.bin %> <%= command.id %> --manifest fleet.manifest --name vol-7 --kek file:kek.bin',
  ];
  static override args = {
    file: Args.string({
      ignoreStdin: true,
      description: 'the wrapped DEK, if it is not in a manifest: a path, fd:N or - (stdin); raw, hex or base64',
    }),
  };
  static override flags = {
    kek: kekFlag,
    'input-format': Flags.option({
      options: FORMATS,
      description: 'how the wrapped DEK stands, if its content should not tell',
    })(),
    manifest: Flags.string({
      helpValue: 'FILE',
      description: 'the manifest that has the DEK',
      dependsOn: ['name'],
      exclusive: ['input-format'],
    }),
    name: Flags.string({helpValue: 'NAME', description: 'what the manifest calls it', dependsOn: ['manifest']}),
    reveal: Flags.boolean({description: 'write the plaintext DEK to --output, or to stdout'}),
    ...outputFlags,
  };

  async run(): Promise<UnwrapResult> {
    const {args, flags} = await this.parse(Unwrap);
    assertDistinctStreams(args.file, flags.kek);
    this.#assertMayReveal(flags);
    return withKek(flags.kek, async (kek, kekKcv) => {
      const wrapped = await readWrapped(args.file, flags);
      const plaintext = unwrapKey(kek, wrapped);
      try {
        const {keySize, keytag} = splitDek(plaintext);
        const what = `${keySize}-bit DEK ${keytag ? 'with' : 'without'} keytag, wrapped under the KEK with KCV ${kekKcv}`;
        if (flags.reveal) {
          await deliver(plaintext, flags, false);
          this.note(`revealed: ${what}`);
        } else this.log(`ok: ${what}`);
        return {verified: true, keySize, keytag: keytag !== undefined, kekKcv};
      } finally {
        wipe(plaintext);
      }
    });
  }

  #assertMayReveal({
    reveal,
    output,
    format,
  }: {
    reveal: boolean;
    output?: string | undefined;
    format?: string | undefined;
  }): void {
    if (!reveal) {
      if (output === undefined && format === undefined) return;
      throw new DekError('BAD_ARGUMENT', 'without --reveal there is nothing to write', {
        hint: 'leave out --output and --format, or add --reveal to write the plaintext key',
      });
    }
    if (this.jsonEnabled()) {
      throw new DekError('UNSAFE_SECRET', 'a plaintext key is never part of --json', {
        hint: 'leave out one of --reveal and --json',
      });
    }
    if (output !== undefined || !process.stdout.isTTY || format === 'hex' || format === 'base64') return;
    throw new DekError('UNSAFE_SECRET', 'the plaintext key would go to this terminal', {
      hint: 'write it to a file with --output FILE, or insist with --format hex',
    });
  }
}

async function readWrapped(
  file: string | undefined,
  {
    manifest,
    name,
    'input-format': format,
  }: {manifest?: string | undefined; name?: string | undefined; 'input-format'?: Format | undefined},
): Promise<Uint8Array> {
  if ((file === undefined) === (manifest === undefined)) {
    throw new DekError('BAD_ARGUMENT', 'the wrapped DEK is given by a file, or by --manifest and --name');
  }
  if (file !== undefined) return readCiphertext(file, DEK_WRAPPED_BYTES, 'wrapped', format);
  let wrapped: Uint8Array | undefined;
  const {entries} = await openManifest(manifest!);
  // To the end: what is in a manifest counts only when all of it is in order.
  for await (const entry of entries) if (entry.name === name) wrapped = entry.wrapped;
  if (wrapped) return wrapped;
  throw new DekError('NO_DEK', `no DEK of the name "${name}" is in ${manifest}`);
}
