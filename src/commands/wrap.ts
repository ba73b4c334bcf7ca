import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {toHex, wipe} from '../bytes.js';
import {DekCommand} from '../cli/base.js';
import {kekFlag} from '../cli/flags.js';
import {withKek} from '../cli/kek.js';
import {parseOpaque} from '../cli/opaque.js';
import {deliver, outputFlags} from '../cli/output.js';
import {replaceManifest} from '../cli/replace-manifest.js';
import {FORMATS} from '../custody/encoding.js';
import {assertDistinctStreams, readSecret} from '../custody/source.js';
import {assertDekName} from '../dek-name.js';
import {addToManifest} from '../manifest/add.js';
import {splitDek, wrapDek} from '../wrap/dek.js';
import {DEK_PLAINTEXT_BYTES} from '../wrap/layout.js';

interface WrapResult {
  keySize: 128 | 256;
  /** Whether the DEK has a keytag. */
  keytag: boolean;
  /** The wrapped DEK in hex. */
  wrapped: string;
  kekKcv: string;
  /** The file or the manifest that holds it. */
  output: string | null;
}

export default class Wrap extends DekCommand {
  static override summary = 'wrap a plaintext DEK under an import KEK';
  static override description =
    'The plaintext is key1, key2 and, if the DEK has one, its keytag: 32 or 40 bytes for a 128-bit DEK, 64 or 72 for a ' +
    '256-bit one, raw, hex or base64. The result is 8 bytes longer. With --manifest it is added to a manifest that was ' +
    'wrapped under the same KEK.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> file:dek.bin --kek file:kek.bin --output data.dek',
    'vault read -field=dek secret/disk | <%= config.bin %> <%= command.id %> - --kek fd:3 3< kek.bin > data.dek',
    '<%= config.bin %> <%= command.id %> file:dek.bin --kek file:kek.bin --manifest fleet.manifest --name vol-7',
  ];
  static override args = {
    source: Args.string({
      required: true,
      ignoreStdin: true,
      description: 'the plaintext DEK: file:PATH, fd:N, - (stdin) or cred:NAME (systemd credential)',
    }),
  };
  static override flags = {
    kek: kekFlag,
    'input-format': Flags.option({
      options: FORMATS,
      description: 'how the plaintext stands, if its content should not tell',
    })(),
    manifest: Flags.string({
      helpValue: 'FILE',
      description: 'add it to this manifest',
      dependsOn: ['name'],
      exclusive: ['output', 'format'],
    }),
    name: Flags.string({helpValue: 'NAME', description: 'what the manifest is to call it', dependsOn: ['manifest']}),
    opaque: Flags.string({
      helpValue: 'TEXT',
      description: 'up to 8 bytes that the NIC keeps with the DEK, as text or hex:DIGITS',
      dependsOn: ['manifest'],
    }),
    ...outputFlags,
  };

  async run(): Promise<WrapResult> {
    const {args, flags} = await this.parse(Wrap);
    assertDistinctStreams(args.source, flags.kek);
    return withKek(flags.kek, async (kek, kekKcv) => {
      const plaintext = await readSecret(args.source, DEK_PLAINTEXT_BYTES, 'plaintext', flags['input-format']);
      try {
        const dek = splitDek(plaintext);
        const wrapped = wrapDek(kek, dek);
        const [keySize, keytag] = [dek.keySize, dek.keytag !== undefined];
        const {manifest, name, opaque} = flags;
        if (manifest === undefined || name === undefined) await deliver(wrapped, flags, this.jsonEnabled());
        else {
          assertDekName(name);
          const entry = {name, keySize, keytag, opaque: parseOpaque(opaque ?? ''), wrapped};
          await replaceManifest(
            manifest,
            addToManifest(manifest, kek, [name], () => entry),
          );
        }
        this.note(
          `wrapped a ${keySize}-bit DEK ${keytag ? 'with' : 'without'} keytag into ${wrapped.length} bytes under the KEK with KCV ${kekKcv}`,
        );
        return {keySize, keytag, wrapped: toHex(wrapped), kekKcv, output: manifest ?? flags.output ?? null};
      } finally {
        wipe(plaintext);
      }
    });
  }
}
