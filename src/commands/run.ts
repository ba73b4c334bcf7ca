import {mkdtemp, rm} from 'node:fs/promises';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {startAgent} from '../agent/agent.js';
import {openLog} from '../agent/log.js';
import {DekCommand} from '../cli/base.js';
import {runChild, SignalRelay, splitAtDashes} from '../cli/child.js';
import {deviceFlag} from '../cli/flags.js';
import {DekError, systemCode} from '../errors.js';

export default class Run extends DekCommand {
  static override summary = 'run a command with an agent of its own';
  static override description =
    'Starts an agent, runs CMD with DEK_AGENT_SOCKET set to it, and ends the agent when CMD ends: the DEKs that ' +
    "CMD made are gone then. Signals are passed on to CMD; the exit status is CMD's, 128 + n when signal n killed " +
    'it, 127 when there is no such program, 126 when it cannot be run.';
  static override usage = '<%= command.id %> [--device NAME] -- CMD [ARG...]';
  static override examples = [
    {
      description: 'A script that logs in, creates its DEKs and then starts a service',
      command: '<%= config.bin %> run -- ./start-storage.sh',
    },
    {
      description: 'A shell to try things in',
      command: '<%= config.bin %> run --device mlx5_0 -- bash',
    },
  ];
  /** So that `dek run CMD`, without dashes, comes to run() and is told what is missing. */
  static override strict = false;
  static override enableJsonFlag = false;
  static override flags = {device: deviceFlag};

  async run(): Promise<void> {
    const {own, command} = splitAtDashes(this.argv);
    const {flags} = await this.parse(Run, own);
    const relay = new SignalRelay();
    const directory = await temporaryDirectory();
    try {
      const socket = join(directory, 'agent.sock');
      const agent = await startAgent({device: flags.device, socket, log: openLog('warn')});
      try {
        process.exitCode = await runChild(command, {...process.env, DEK_AGENT_SOCKET: socket}, relay);
      } finally {
        await agent.close();
      }
    } finally {
      await rm(directory, {recursive: true, force: true});
      relay.stop();
    }
  }
}

async function temporaryDirectory(): Promise<string> {
  try {
    return await mkdtemp(join(tmpdir(), 'dek-'));
  } catch (cause) {
    const errno = systemCode(cause);
    throw new DekError('IO', `cannot make a directory in ${tmpdir()}: ${errno}`, {hint: 'set TMPDIR', errno, cause});
  }
}
