import {rmSync} from 'node:fs';
import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join, resolve} from 'node:path';
import {type Agent, startAgent} from '../agent/agent.js';
import {LastResort} from '../agent/host/last-resort.js';
import type {ManifestSource} from '../agent/source/manifest-source.js';
import {DekCommand} from '../cli/base.js';
import {runChild, SignalRelay, signalStatus, splitAtDashes} from '../cli/child.js';
import {agentFlags} from '../cli/flags/agent-flags.js';
import {type AgentFlags, agentOptions} from '../cli/flags/agent-options.js';
import {type GateFlags, gateSettings} from '../cli/flags/gate-flags.js';
import {manifestSource} from '../cli/manifest/manifest-source.js';
import {Progress} from '../cli/output/progress.js';
import {systemError} from '../files/system-error.js';

export default class Run extends DekCommand {
  static override summary = 'run a command with its own agent';
  static override description =
    'Starts an agent, runs CMD with DEK_AGENT_SOCKET set to its socket, and ends the agent when CMD ends, which ' +
    'destroys the DEKs that CMD created.\n\n' +
    'CMD runs as if dek had not started it: it has every descriptor that dek was started with, LISTEN_PID and ' +
    'WATCHDOG_PID name it if they named dek, and a signal to dek is passed on to it once, even if the terminal or ' +
    'the service manager sends it to all processes. The exit status is that of CMD: 128 + n if signal n killed it, ' +
    '127 if it was not found, 126 if it could not be run.\n\n' +
    'With --prove, the DEKs of the manifest are proven before CMD starts. If one is wrong, CMD is not started and ' +
    'the exit status is 6; if one cannot be proven, it is 7.\n\n' +
    'A systemd unit that starts dek run needs KillMode=mixed, so that only dek tells CMD to stop, and ' +
    'NotifyAccess=all, so that CMD may say that it is ready. A container whose first process is dek run needs an ' +
    'init (docker run --init), because dek does not wait for orphans of CMD.';
  static override usage =
    '[--device NAME,...] [--manifest MANIFEST [--watch | --state DIR]] ' +
    '[--allowed-signers FILE [--threshold N] [--release FILE]] [--rollback-index SOURCE] [--host NAME] ' +
    '[--kek SOURCE [--kek-format FORMAT]] [--query | --no-query] ' +
    '[--explain | --no-explain] [--prove | --prove-share PERCENT] [--lend] [--release-within SECONDS] ' +
    '[--allow-old-kernel] [--check-interval SECONDS] -- CMD [ARG...]';
  static override examples = [
    {
      description: 'A script that logs in, creates DEKs and starts a service',
      command: 'dek run -- ./start-storage.sh',
    },
    {
      description: 'A service that starts only if each DEK is the right one',
      command: 'dek run --manifest /etc/dek/manifest --prove -- ./storage',
    },
    {
      description: 'A service that lends its context for its DEKs',
      command: 'dek run --lend --manifest /etc/dek/manifest -- ./storage',
    },
    {
      description: 'A shell to try things in',
      command: 'dek run --device mlx5_0 -- bash',
    },
  ];
  static override enableJsonFlag = false;
  static override flags = agentFlags;

  async run(): Promise<void> {
    const {own, command} = splitAtDashes(this.argv);
    const {flags} = await this.parse(Run, own);
    const relay = new SignalRelay();
    const directory = await temporaryDirectory();
    const lastResort = new LastResort();
    // The agent has removed its socket by then.
    const end = (): void => lastResort.begin(() => rmSync(directory, {recursive: true, force: true}));
    relay.signal.addEventListener('abort', end);
    try {
      const socket = join(directory, 'agent.sock');
      const source = await manifestSource(flags, relay.signal);
      const agent = await this.#start(source, flags, socket, relay, lastResort).catch(async (error: unknown) => {
        await source.close();
        throw error;
      });
      try {
        process.exitCode = await runChild(command, {...process.env, DEK_AGENT_SOCKET: socket}, relay);
      } finally {
        end();
        await source.close();
        await agent.close();
        lastResort.ended();
      }
    } catch (error) {
      end();
      // A signal while the agent starts is CMD's, which was not there yet.
      if (!relay.first) throw error;
      process.exitCode = signalStatus(relay.first);
    } finally {
      await rm(directory, {recursive: true, force: true});
      relay.stop();
    }
  }

  #start(
    source: ManifestSource,
    flags: AgentFlags & GateFlags,
    socket: string,
    relay: SignalRelay,
    lastResort: LastResort,
  ): Promise<Agent> {
    const progress = new Progress(process.stderr.isTTY);
    const options = {...agentOptions(flags, progress), ...gateSettings(flags)};
    const open = (manifest: string | undefined): Promise<Agent> =>
      startAgent({
        ...options,
        gate: {...options.gate, host: options.gate.host ?? source.host},
        stateDirectory: source.stateDirectory ?? options.stateDirectory,
        manifest,
        socket,
        groupMayAttach: false,
        logLevel: 'warn',
        answersLate: true,
        signal: relay.signal,
        lastResort,
      });
    return source.start(open).finally(() => progress.end());
  }
}

async function temporaryDirectory(): Promise<string> {
  try {
    // CMD may go to another directory, and still has to find the agent.
    return await mkdtemp(join(resolve(tmpdir()), 'dek-'));
  } catch (cause) {
    throw systemError('make', `a directory in ${tmpdir()}`, cause, {hint: 'set TMPDIR'});
  }
}
