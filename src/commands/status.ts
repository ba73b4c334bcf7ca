import * as Flags from '@oclif/core/flags';
import {connectAgent} from '../agent/client.js';
import {type AgentStatus, isReady} from '../agent/protocol.js';
import {DekCommand} from '../cli/base.js';
import {socketFlag} from '../cli/flags/flags.js';
import {describeAgent} from '../cli/output/describe-agent.js';
import {jsonText} from '../printable.js';

export default class Status extends DekCommand {
  static override summary = 'show the state of the agent';
  static override description =
    'Shows the agent, its NICs, their logins and how many DEKs it holds. Exits with 0 if every login was VALID and ' +
    'every DEK READY at the last check, and no DEK was shown to be wrong; with 7 if not, if a NIC is gone, or while ' +
    'the agent still applies the manifest of its start; and with 3 if there is no agent. PROVEN are the DEKs that a ' +
    'proof has shown to be the right ones since they were created.';
  static override examples = ['dek status', 'dek status --json'];
  static override flags = {
    socket: socketFlag,
    follow: Flags.boolean({description: 'then print events of the agent as JSON lines, until Ctrl-C'}),
  };

  async run(): Promise<AgentStatus & {socket: string}> {
    const {flags} = await this.parse(Status);
    const agent = await connectAgent(flags.socket);
    const status = await agent.status();
    for (const line of describeAgent(agent.socket, status)) this.log(line);
    if (!isReady(status)) process.exitCode = 7;
    if (flags.follow) for await (const event of agent.events()) process.stdout.write(`${jsonText(event)}\n`);
    return {...status, socket: agent.socket};
  }
}
