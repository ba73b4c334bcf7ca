import * as Args from '@oclif/core/args';
import {DekCommand} from '../../cli/base.js';
import {runChild, SignalRelay, splitAtDashes} from '../../cli/child.js';
import {openVirtual} from '../../virtual/index.js';

export default class VirtualExec extends DekCommand {
  static override summary = 'run a command on a virtual ConnectX';
  static override description =
    'CMD and its children see the virtual ConnectX in DIR, and no other NIC. CMD may be any program that uses ' +
    'libibverbs, such as ibv_devinfo, pyverbs or dek. It is not started if the dynamic linker would leave the ' +
    'virtual ConnectX out: on a file system mounted noexec, or for a program that changes its user, such as sudo. A ' +
    'statically linked program never sees it. A dek that CMD starts without it opens no NIC.\n\n' +
    'CMD runs as if it had been started directly: it has every descriptor that this command was started with, ' +
    'LISTEN_PID and WATCHDOG_PID name it if they named this command, and a signal to this command is passed on to it ' +
    'once, even if the terminal or the service manager sends it to all processes. The exit status is that of CMD: ' +
    '128 + n if signal n killed it, 127 if it was not found, 126 if it could not be run.\n\n' +
    'As the first process of a container it needs an init (docker run --init), because nothing else waits for ' +
    'orphans of CMD.';
  static override usage = 'DIR -- CMD [ARG...]';
  static override examples = [
    'dek virtual exec nic -- ibv_devinfo',
    'dek virtual exec nic -- ./my-program',
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
    const environment = nic.environment();
    nic.assertFoundBy(command, environment);
    const relay = new SignalRelay();
    process.exitCode = await runChild(command, environment, relay);
    relay.stop();
  }
}
