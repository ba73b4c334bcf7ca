import {Flags} from '@oclif/core';
import {startAgent} from '../agent/agent.js';
import {forbidCoreFiles, notifySystemd} from '../agent/ffi.js';
import {groupId} from '../agent/group.js';
import {openLog} from '../agent/log.js';
import {socketPath} from '../agent/socket-path.js';
import {DekCommand} from '../cli/base.js';
import {deviceFlag, socketFlag} from '../cli/flags.js';
import {stopSignal} from '../cli/stop-signal.js';

export default class Agent extends DekCommand {
  static override summary = 'hold the DEKs of this host';
  static override description =
    'A DEK lives as long as the process that made it. The agent is that process: it opens the NIC and holds the ' +
    'login and the DEKs that the other commands ask for, until SIGTERM or SIGINT; then it destroys the DEKs, logs ' +
    'out, closes the NIC and removes its socket. It prints one line, READY and the socket, when it can be used; ' +
    'its log is JSON lines on stderr. Under systemd (Type=notify) it says so there too.';
  static override examples = [
    {description: 'In a shell, for this session', command: '<%= config.bin %> agent &'},
    {
      description: 'One NIC of several, shared with a group',
      command: '<%= config.bin %> agent --device mlx5_1 --group storage --socket /run/dek/mlx5_1.sock',
    },
  ];
  static override enableJsonFlag = false;
  static override flags = {
    device: deviceFlag,
    socket: socketFlag,
    group: Flags.string({helpValue: 'GROUP', description: 'a group, by name or number, that may use this agent too'}),
  };

  async run(): Promise<void> {
    const {flags} = await this.parse(Agent);
    const socket = socketPath(flags.socket);
    const gid = flags.group === undefined ? undefined : groupId(flags.group);
    const stop = stopSignal();
    forbidCoreFiles();
    const agent = await startAgent({device: flags.device, socket, gid, log: openLog('info')});
    try {
      notifySystemd(`READY=1\nSTATUS=holding the DEKs of ${agent.device}`);
      // A reader that went away, or a full disk, is no reason to lose the DEKs.
      process.stdout.removeAllListeners('error').on('error', () => {});
      this.log(`READY ${socket}`);
      await stop;
      notifySystemd('STOPPING=1');
    } finally {
      await agent.close();
    }
  }
}
