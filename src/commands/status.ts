import {setTimeout as pause} from 'node:timers/promises';
import * as Flags from '@oclif/core/flags';
import {type AgentClient, connectAgent} from '../agent/client.js';
import {type AgentStatus, isReady} from '../agent/protocol.js';
import {DekCommand} from '../cli/base.js';
import {socketFlag} from '../cli/flags/flags.js';
import {follow} from '../cli/live/follow.js';
import {type View, watch, watchFlag} from '../cli/live/watch.js';
import {describeAgent} from '../cli/output/describe-agent.js';
import {painted, screen} from '../cli/output/screen.js';
import {factLines} from '../cli/output/table.js';
import {DekError} from '../errors.js';
import {jsonText} from '../printable.js';

/** What --watch asks the agent, once in so long. */
const LOOK_MS = 1000;

export default class Status extends DekCommand {
  static override summary = 'show the state of the agent';
  static override description =
    'Says first whether all is READY and, if not, why; then shows the agent, its NICs, their logins and how many ' +
    'DEKs it holds. Exits with 0 if every login was VALID and every DEK READY at the last check, and no DEK was ' +
    'shown to be wrong; with 7 if not, if a NIC is gone, or while the agent still applies the manifest of its ' +
    'start; and with 3 if there is no agent. PROVEN are the DEKs that a proof has shown to be the right ones since ' +
    'they were created.\n\n' +
    'With --watch it stays on the terminal, also while there is no agent. Ctrl-C ends it, as it ends --follow, with ' +
    'the status of what was shown last; --follow also ends when the agent does.';
  static override examples = ['dek status', 'dek status --watch', 'dek status --json'];
  static override flags = {
    socket: socketFlag,
    follow: Flags.boolean({description: 'after the state, print events of the agent as JSON lines, until Ctrl-C'}),
    watch: watchFlag,
  };

  async run(): Promise<AgentStatus & {socket: string}> {
    const {flags} = await this.parse(Status);
    const agent = await connectAgent(flags.socket);
    if (flags.watch) return watch((signal) => looks(agent, signal));
    const status = await agent.status();
    const on = screen();
    for (const line of describeAgent(agent.socket, status, on)) this.log(line, (text) => painted(text, on));
    if (!isReady(status)) process.exitCode = 7;
    if (flags.follow)
      await follow(
        () => agent.events(),
        (event) => process.stdout.write(`${jsonText(event)}\n`),
      );
    return {...status, socket: agent.socket};
  }
}

/** How the agent is, again and again, also while there is none. Throws what is no sign of that. */
async function* looks(agent: AgentClient, signal: AbortSignal): AsyncGenerator<View, void> {
  while (!signal.aborted) {
    yield await look(agent);
    await pause(LOOK_MS, undefined, {signal}).catch(() => {});
  }
}

async function look(agent: AgentClient): Promise<View> {
  try {
    const status = await agent.status();
    process.exitCode = isReady(status) ? 0 : 7;
    return (on) => describeAgent(agent.socket, status, on);
  } catch (error) {
    if (!(error instanceof DekError && (error.code === 'NO_AGENT' || error.code === 'IO'))) throw error;
    process.exitCode = error.exitStatus;
    return (on) => factLines([['state', `NOT READY: ${error.message}`]], on);
  }
}
