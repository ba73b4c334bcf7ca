import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {groupId} from '../../agent/host/group.js';
import {toHex, wipe} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {idFlag} from '../../cli/flags/flags.js';
import {formatFlag} from '../../cli/flags/format-flag.js';
import {describeId} from '../../cli/output/describe.js';
import {factLines} from '../../cli/output/table.js';
import type {Format} from '../../custody/encoding.js';
import {readSecret} from '../../custody/source.js';
import {SOURCE_FORMS} from '../../custody/sources/table.js';
import {assertDistinctStreams} from '../../custody/spec.js';
import {CREDENTIAL_BYTES, KEK_BYTES} from '../../dek-layout.js';
import {protectSecrets} from '../../memory/protect.js';
import {createVirtual} from '../../virtual/index.js';
import {keyCheckValue} from '../../wrap/kcv.js';

interface Created {
  directory: string;
  /** `mlx5_0` and so on. */
  devices: readonly string[];
  importMode: string;
  /** null: none is loaded, --commissioning. */
  importKekId: number | null;
  importKekKcv: string;
  /** The officer's raw copy of the import KEK. */
  importKekFile: string;
  credentialId: number | null;
  /** The officer's raw copy of the credential, not wrapped. */
  credentialFile: string;
}

export default class VirtualCreate extends DekCommand {
  static override summary = 'create a virtual ConnectX';
  static override description =
    'An mlx5 NIC in software, below the real libibverbs and libmlx5, to try and to test without hardware. It ' +
    'unwraps and refuses keys as a NIC does, moves data and encrypts it. The import KEK and the credential are ' +
    'random unless given; DIR/officer has the copies that a crypto officer would keep, raw and with mode 0600. ' +
    'Needs cc, libc6-dev and linux-libc-dev, except where the package has its library compiled.';
  static override examples = [
    'dek virtual create nic',
    {
      description: 'A NIC that takes DEKs in plaintext, with room for 1,024 of them',
      command: 'dek virtual create nic --import-mode plaintext --log-max-deks 10',
    },
    {
      description: 'A card of two ports as it comes from the factory, for dek officer operational',
      command: 'dek virtual create nic --devices 2 --commissioning',
    },
    {
      description: 'Two ports with a KEK of your own',
      command: 'dek virtual create nic --devices 2 --kek file:kek.bin --kek-id 7',
    },
  ];
  static override args = {
    dir: Args.string({required: true, ignoreStdin: true, description: 'directory to create it in, new or empty'}),
  };
  static override flags = {
    kek: Flags.string({
      helpValue: 'SOURCE',
      description: `import KEK (16 or 32 bytes): ${SOURCE_FORMS} (default: 32 random bytes)`,
    }),
    'kek-format': formatFlag('the KEK', {dependsOn: ['kek']}),
    'kek-id': idFlag({description: 'id of the import KEK on the NIC (default: random)'}),
    credential: Flags.string({
      helpValue: 'SOURCE',
      description: `credential (40 bytes): ${SOURCE_FORMS} (default: random)`,
    }),
    'credential-format': formatFlag('the credential', {dependsOn: ['credential']}),
    'credential-id': idFlag({description: 'id of the credential on the NIC (default: random)'}),
    commissioning: Flags.boolean({
      exclusive: ['kek-id', 'credential-id'],
      description: 'as it comes from the factory: nothing is loaded; dek officer operational loads DIR/officer',
    }),
    'import-mode': Flags.option({
      options: ['wrapped', 'plaintext'] as const,
      helpValue: 'MODE',
      description: 'how it takes DEKs: wrapped or plaintext',
    })({
      default: 'wrapped',
    }),
    'log-max-deks': Flags.integer({min: 0, max: 31, default: 17, helpValue: 'N', description: 'room for 2^N DEKs'}),
    group: Flags.string({
      helpValue: 'GROUP',
      description: 'group, by name or number, whose members may open the devices too, but not read DIR/officer',
    }),
    devices: Flags.integer({
      min: 1,
      max: 16,
      default: 1,
      helpValue: 'N',
      description: 'number of devices, from mlx5_0 on',
    }),
  };

  async run(): Promise<Created> {
    const {args, flags} = await this.parse(VirtualCreate);
    assertDistinctStreams(flags.kek, flags.credential);
    const gid = flags.group === undefined ? undefined : groupId(flags.group);
    protectSecrets();
    const kek = await readIfGiven(flags.kek, KEK_BYTES, 'kek', flags['kek-format']);
    let credential: Uint8Array | undefined;
    try {
      credential = await readIfGiven(flags.credential, [CREDENTIAL_BYTES], 'credential', flags['credential-format']);
      const nic = await createVirtual(args.dir, {
        devices: flags.devices,
        gid,
        kek,
        kekId: flags['kek-id'],
        credential,
        credentialId: flags['credential-id'],
        commissioning: flags.commissioning,
        settings: {importMode: flags['import-mode'], logMaxDeks: flags['log-max-deks']},
      });
      const {importMode, importKeks, credentials} = nic.show();
      const copy = await readSecret(`file:${nic.kekFile}`, KEK_BYTES, 'kek', 'raw');
      const importKekKcv = toHex(keyCheckValue(copy));
      wipe(copy);
      const created = {
        directory: nic.directory,
        devices: nic.devices,
        importMode,
        importKekId: importKeks[0]?.id ?? null,
        importKekKcv,
        importKekFile: nic.kekFile,
        credentialId: credentials[0]?.id ?? null,
        credentialFile: nic.credentialFile,
      };
      for (const line of render(created)) this.log(line);
      this.note(`run programs on it: dek virtual exec ${args.dir} -- CMD`);
      return created;
    } finally {
      wipe(kek, credential);
    }
  }
}

async function readIfGiven(
  spec: string | undefined,
  ...[lengths, title, format]: [readonly number[], string, Format | undefined]
): Promise<Uint8Array | undefined> {
  return spec === undefined ? undefined : readSecret(spec, lengths, title, format);
}

function render(created: Created): string[] {
  return factLines([
    ['virtual ConnectX', created.devices.join(', ')],
    ['directory', created.directory],
    ['import mode', created.importMode],
    ['import KEK', `${idOf(created.importKekId)}, KCV ${created.importKekKcv}, in ${created.importKekFile}`],
    ['credential', `${idOf(created.credentialId)}, in ${created.credentialFile}`],
  ]);
}

function idOf(id: number | null): string {
  return id === null ? 'not loaded' : `id ${describeId(id)}`;
}
