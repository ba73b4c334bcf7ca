import * as Args from '@oclif/core/args';
import {DekCommand} from '../../cli/base.js';
import {runChild, SignalRelay, splitAtDashes} from '../../cli/child.js';
import {openVirtual} from '../../virtual/index.js';

export default class VirtualExec extends DekCommand {
  static override summary = 'run a command on a virtual ConnectX';
  static override description =
    'CMD and all that it starts find the virtual ConnectX in DIR, and no other NIC. CMD may be any program that uses ' +
    'libibverbs: dek, ibv_devinfo, pyverbs. Signals are passed on to CMD; the exit status is that of CMD, 128 + n when signal n ' +
    'killed it, 127 when there is no such program, 126 when it cannot be run.';
  static override usage = '<%= command.id %> DIR -- CMD [ARG...]';
  static override examples = [
    '<%= config.bin %> <%= command.id %> nic -- ibv_devinfo',
    '<%= config.bin %> <%= command.id %> nic -- <%= config.bin %> device show',
    {description: 'A shell on it', command: '<%= config.bin %> <%= command.id %> nic -- bash'},
  ];
  static override enableJsonFlag = false;
  static override args = {
    dir: Args.string({required: true, ignoreStdin: true, description: 'the virtual ConnectX'}),
  };

  async run(): Promise<void> {
    const {own, command} = splitAtDashes(this.argv);
    const {args} = await this.parse(VirtualExec, own);
    const nic = openVirtual(args.dir);
    process.exitCode = await runChild(command, nic.environment(), new SignalRelay());
  }
}
