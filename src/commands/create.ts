import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {connectAgent} from '../agent/client.js';
import type {CreateRequest, DekStatus} from '../agent/protocol.js';
import {DekCommand} from '../cli/base.js';
import {socketFlag} from '../cli/flags/flags.js';
import {formatFlag} from '../cli/flags/format-flag.js';
import {hexFlag} from '../cli/flags/hex-flag.js';
import {describeDeks} from '../cli/output/describe.js';
import {parseOpaque} from '../cli/output/opaque.js';
import {screen} from '../cli/output/screen.js';
import {readCiphertext, withSecretDescriptor} from '../custody/source.js';
import {SOURCE_FORMS} from '../custody/sources/table.js';
import {DCV_BYTES, DEK_PLAINTEXT_BYTES, DEK_WRAPPED_BYTES, KEYTAG_BYTES} from '../dek-layout.js';
import {assertDekName} from '../dek-name.js';

export default class Create extends DekCommand {
  static override summary = 'create a DEK on the NIC';
  static override description =
    'The agent creates the DEK, queries it, and keeps it only if the NIC says READY. KEY is wrapped (40, 48, 72 or ' +
    '80 bytes); its length tells the key size and whether there is a keytag. With --plaintext, for a NIC in ' +
    'plaintext import mode, KEY is the plaintext (32, 40, 64 or 72 bytes), which the agent reads from its source ' +
    'itself.';
  static override examples = [
    'dek create vol-1 vol-1.wrapped',
    {
      description: 'With a label, which a query returns',
      command: 'dek create vol-1 vol-1.wrapped --opaque vol-1',
    },
    {
      description: 'From a pipe',
      command: 'dek keygen --size 256 --kek file:kek | dek create vol-2 -',
    },
    {
      description: 'On a NIC in plaintext import mode',
      command: 'dek create vol-3 file:vol-3.key --plaintext',
    },
  ];
  static override args = {
    name: Args.string({required: true, ignoreStdin: true, description: 'name of the DEK in the agent'}),
    key: Args.string({
      required: true,
      ignoreStdin: true,
      description: `wrapped key: a path, ${SOURCE_FORMS}; with --plaintext a path needs file:`,
    }),
  };
  static override flags = {
    dcv: hexFlag(DCV_BYTES, {description: 'check value (DCV) of the DEK, 16 bytes in hex, for dek prove'}),
    'keytag-value': hexFlag(KEYTAG_BYTES, {
      description: 'keytag of the DEK, 8 bytes in hex; it is not secret, and dek prove needs it',
    }),
    opaque: Flags.string({
      default: '',
      helpValue: 'TEXT',
      description: 'label of up to 8 bytes, stored in the clear with the DEK: text or hex:DIGITS',
    }),
    plaintext: Flags.boolean({description: 'KEY is not wrapped (for NICs in plaintext import mode)'}),
    'allow-equal-keys': Flags.boolean({
      description: 'let the NIC decide about a plaintext key whose key1 equals key2',
      dependsOn: ['plaintext'],
    }),
    format: formatFlag('KEY'),
    socket: socketFlag,
  };

  async run(): Promise<DekStatus> {
    const {args, flags} = await this.parse(Create);
    const {name} = args;
    assertDekName(name);
    const opaque = parseOpaque(flags.opaque);
    const create = async (key: Pick<CreateRequest, 'wrapped' | 'plaintext'>): Promise<DekStatus> =>
      (await connectAgent(flags.socket)).createDek({
        name,
        opaque,
        dcv: flags.dcv,
        keytagValue: flags['keytag-value'],
        ...key,
      });
    const dek = flags.plaintext
      ? await withSecretDescriptor(args.key, Math.max(...DEK_PLAINTEXT_BYTES), 'plaintext key', (fd) =>
          create({plaintext: {fd, format: flags.format, allowEqualKeys: flags['allow-equal-keys']}}),
        )
      : await create({wrapped: await readCiphertext(args.key, DEK_WRAPPED_BYTES, 'wrapped key', flags.format)});
    for (const line of describeDeks([dek], screen())) this.log(line);
    return dek;
  }
}
