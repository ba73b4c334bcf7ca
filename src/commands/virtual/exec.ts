import * as Args from '@oclif/core/args';
import {DekCommand} from '../../cli/base.js';
import {runChild, SignalRelay, splitAtDashes} from '../../cli/child.js';
import {openVirtual} from '../../virtual/index.js';

export default class VirtualExec extends DekCommand {
  static override summary = 'run a command on a virtual ConnectX';
  static override description =
    'CMD and its children see the virtual ConnectX in DIR, and no other NIC. CMD may be any program that uses ' +
    'libibverbs, such as dek, ibv_devinfo or pyverbs. Signals are passed on to CMD. The exit status is that of ' +
    'CMD: 128 + n if signal n killed it, 127 if it was not found, 126 if it could not be run.';
  static override usage = 'DIR -- CMD [ARG...]';
  static override examples = [
    'dek virtual exec nic -- ibv_devinfo',
    'dek virtual exec nic -- dek device show',
    {description: 'A shell on it', command: 'dek virtual exec nic -- bash'},
  ];
  static override enableJsonFlag = false;
  static override args = {
    dir: Args.string({required: true, ignoreStdin: true, description: 'directory of the virtual ConnectX'}),
  };

  async run(): Promise<void> {
    const {own, command} = splitAtDashes(this.argv);
    const {args} = await this.parse(VirtualExec, own);
    const nic = openVirtual(args.dir);
    process.exitCode = await runChild(command, nic.environment(), new SignalRelay());
  }
}
