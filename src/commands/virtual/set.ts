import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {DekCommand} from '../../cli/base.js';
import {excludeFromCoreDump} from '../../custody/core-dump.js';
import {readSecret} from '../../custody/source.js';
import {openVirtual, type VirtualReport} from '../../virtual/index.js';
import {parseSettings, settingLines, wipeSettings} from '../../virtual/setting-words.js';

export default class VirtualSet extends DekCommand {
  static override summary = 'change a virtual ConnectX, also while programs use it';
  static override description =
    'Does what a crypto officer, new firmware, or bad luck would do to a NIC. Programs that have it open see the change with ' +
    'their next command. If one KEY or VALUE is wrong, nothing is changed. A fault makes firmware commands fail: once, unless ' +
    'times says more. With dek-error, DEKs that exist now turn to ERROR; with future also those that are made later. A KEK or ' +
    'credential that is revoked turns the logins that use it INVALID. A NIC that was gone comes back empty: contexts that were ' +
    'open have to be opened again.';
  static override usage = '<%= command.id %> DIR KEY=VALUE... [--device NAME] [--json]';
  static override examples = [
    {
      description: 'Each firmware command takes 100 us, 16 run at once',
      command: '<%= config.bin %> <%= command.id %> nic latency-us=100 parallel=16',
    },
    {
      description: 'The officer replaces an import KEK',
      command: '<%= config.bin %> <%= command.id %> nic revoke-kek=7 kek=8:file:new-kek.bin',
    },
    {
      description: 'The next two DEKs are refused for want of resources',
      command: '<%= config.bin %> <%= command.id %> nic fault=create-dek,status=no_res,syndrome=0x123,times=2',
    },
    {description: 'The NIC falls off the bus', command: '<%= config.bin %> <%= command.id %> nic gone=yes'},
  ];
  static override strict = false;
  static override args = {
    dir: Args.string({required: true, ignoreStdin: true, description: 'the virtual ConnectX'}),
    'key=value': Args.string({required: true, ignoreStdin: true, description: settingLines().join('\n')}),
  };
  static override flags = {
    device: Flags.string({helpValue: 'NAME', description: 'only this one of its devices, such as mlx5_1'}),
  };

  async run(): Promise<VirtualReport[]> {
    const {argv, flags} = await this.parse(VirtualSet);
    const [directory, ...words] = argv as string[];
    const nic = openVirtual(directory!);
    excludeFromCoreDump();
    const settings = await parseSettings(words, readSecret);
    try {
      nic.set(settings, flags.device);
    } finally {
      wipeSettings(settings);
    }
    return nic.devices.filter((name) => name === (flags.device ?? name)).map((name) => nic.show(name));
  }
}
