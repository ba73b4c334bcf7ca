import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {DekCommand} from '../../cli/base.js';
import {readSecret} from '../../custody/source.js';
import {protectSecrets} from '../../memory/protect.js';
import {openVirtual, type VirtualReport} from '../../virtual/index.js';
import {parseSettings, settingLines, wipeSettings} from '../../virtual/setting-words.js';

export default class VirtualSet extends DekCommand {
  static override summary = 'change a virtual ConnectX';
  static override description =
    'Changes what a crypto officer, new firmware or a failure would change on a NIC. Programs that have it open ' +
    'see the change at their next command. If one KEY or VALUE is wrong, nothing is changed. A fault makes one ' +
    'firmware command fail, or as many as times says. Revoking a KEK or a credential makes the logins that use it ' +
    'INVALID. A NIC that was gone comes back empty: programs have to open it again. dek virtual show tells how it ' +
    'is set now.';
  static override usage = 'DIR KEY=VALUE... [--device NAME] [--json]';
  static override examples = [
    {
      description: 'Let each firmware command take 100 us, and 16 run at once',
      command: 'dek virtual set nic latency-us=100 parallel=16',
    },
    {
      description: 'Replace an import KEK',
      command: 'dek virtual set nic revoke-kek=7 kek=8:file:new-kek.bin',
    },
    {
      description: 'Refuse the next two DEKs for lack of resources',
      command: 'dek virtual set nic fault=create-dek,status=no_res,syndrome=0x123,times=2',
    },
    {description: 'Take the NIC off the bus', command: 'dek virtual set nic gone=yes'},
  ];
  static override strict = false;
  static override args = {
    dir: Args.string({required: true, ignoreStdin: true, description: 'directory of the virtual ConnectX'}),
    'key=value': Args.string({required: true, ignoreStdin: true, description: settingLines().join('\n')}),
  };
  static override flags = {
    device: Flags.string({helpValue: 'NAME', description: 'change only this device, such as mlx5_1'}),
  };

  async run(): Promise<VirtualReport[]> {
    const {argv, flags} = await this.parse(VirtualSet);
    const [directory, ...words] = argv as string[];
    const nic = openVirtual(directory!);
    protectSecrets();
    const settings = await parseSettings(words, readSecret);
    try {
      nic.set(settings, flags.device);
    } finally {
      wipeSettings(settings);
    }
    return nic.devices.filter((name) => name === (flags.device ?? name)).map((name) => nic.show(name));
  }
}
