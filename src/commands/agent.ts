import * as Flags from '@oclif/core/flags';
import {type Agent as RunningAgent, startAgent} from '../agent/agent.js';
import {forbidCoreFiles} from '../agent/host/ffi.js';
import {groupId} from '../agent/host/group.js';
import {LastResort} from '../agent/host/last-resort.js';
import {passedDescriptors} from '../agent/server/passed-socket.js';
import {socketPath} from '../agent/socket-path.js';
import {SystemdService} from '../agent/systemd.js';
import {DekCommand} from '../cli/base.js';
import {agentFlags} from '../cli/flags/agent-flags.js';
import {agentOptions} from '../cli/flags/agent-options.js';
import {socketFlag} from '../cli/flags/flags.js';
import {gateSettings} from '../cli/flags/gate-flags.js';
import {stopSignal} from '../cli/live/stop-signal.js';
import {manifestSource} from '../cli/manifest/manifest-source.js';
import {Progress} from '../cli/output/progress.js';

export default class Agent extends DekCommand {
  static override summary = 'hold the DEKs of this host';
  static override description =
    'A DEK lives only as long as the process that created it. The agent is that process: it opens the NIC, logs ' +
    'in, and holds the DEKs that the other commands create. When it can be used, it prints READY and its socket. ' +
    'On SIGTERM or SIGINT it destroys the DEKs, logs out, closes the NIC and removes the socket. The log goes to ' +
    'stderr as JSON lines. Under systemd (Type=notify), the agent also tells systemd that it is ready.\n\n' +
    'With --prove, the agent proves each DEK before it is READY, and each DEK that it creates or heals later ' +
    'before it is used. If a DEK of the manifest is wrong, it does not start: the exit status is 6, or 7 if a DEK ' +
    'cannot be proven.\n\n' +
    'With --allowed-signers, the agent applies only manifests that enough of them have signed, that are meant for ' +
    'this host and are no older than what it had: at its start, by dek apply, at a reload and when it heals. No ' +
    'request changes that, and dek create is refused. See docs/signed.md.\n\n' +
    'With --lend, the agent creates no DEKs of its own: it is READY when the manifest is whole and its login was ' +
    'VALID, and creates the DEKs in the context of each service that lends it one (dek-attach(7), libmlx5dek).';
  static override examples = [
    {description: 'In a shell, for this session', command: 'dek agent &'},
    {description: 'For services that lend their contexts', command: 'dek agent --lend --manifest /etc/dek/manifest'},
    {
      description: 'One NIC of several, shared with a group',
      command: 'dek agent --device mlx5_1 --group storage --socket /run/dek/mlx5_1.sock',
    },
  ];
  static override enableJsonFlag = false;
  static override flags = {
    ...agentFlags,
    socket: socketFlag,
    group: Flags.string({helpValue: 'GROUP', description: 'group, by name or number, that may also use the agent'}),
    'group-may-attach': Flags.boolean({
      dependsOn: ['group'],
      description: 'let members of --group lend and attach too, which gives them power over the DEKs: SECURITY.md',
    }),
  };

  async run(): Promise<void> {
    const {flags} = await this.parse(Agent);
    const {socket: passed, stored} = passedDescriptors();
    const socket = passed?.path ?? socketPath(flags.socket);
    const gid = flags.group === undefined ? undefined : groupId(flags.group);
    const stopping = new AbortController();
    const lastResort = new LastResort();
    const stop = stopSignal().finally(() => {
      stopping.abort();
      lastResort.begin();
    });
    // A reload that is asked for before the start is done needs none.
    let reload = (): void => {};
    process.on('SIGHUP', () => reload());
    forbidCoreFiles();
    const progress = new Progress(process.stderr.isTTY);
    const options = {...agentOptions(flags, progress), ...gateSettings(flags)};
    const source = await manifestSource(flags, stopping.signal);
    const open = (manifest: string | undefined): Promise<RunningAgent> =>
      startAgent({
        ...options,
        gate: {...options.gate, host: options.gate.host ?? source.host},
        stateDirectory: source.stateDirectory ?? options.stateDirectory,
        manifest,
        socket: passed ?? socket,
        stored,
        isKept: process.env['NOTIFY_SOCKET'] !== undefined,
        gid,
        groupMayAttach: flags['group-may-attach'],
        logLevel: 'info',
        signal: stopping.signal,
        lastResort,
      });
    const agent = await source
      .start(open)
      .catch(async (error: unknown) => {
        lastResort.begin();
        await source.close();
        throw error;
      })
      .finally(() => progress.end());
    const service = new SystemdService(agent);
    reload = () => service.reload();
    try {
      service.ready();
      // A reader that went away, or a full disk, is no reason to lose the DEKs.
      process.stdout.removeAllListeners('error').on('error', () => {});
      this.log(`READY ${socket}`);
      await stop;
      service.stopping();
    } finally {
      lastResort.begin();
      await source.close();
      await agent.close();
      lastResort.ended();
    }
  }
}
