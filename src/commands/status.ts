import * as Flags from '@oclif/core/flags';
import {connectAgent} from '../agent/client.js';
import {type AgentStatus, isReady} from '../agent/protocol.js';
import {DekCommand} from '../cli/base.js';
import {describeAgent} from '../cli/describe.js';
import {socketFlag} from '../cli/flags.js';

export default class Status extends DekCommand {
  static override summary = 'show the agent, its NIC, its login and how many DEKs it holds';
  static override description =
    'The exit status is 0 when the agent has started, its logins are VALID and all its DEKs were READY when they were checked ' +
    'last; 7 when not, as while the manifest of its start is being applied, or when a NIC is gone; 3 when there is no agent.';
  static override examples = ['<%= config.bin %> status', '<%= config.bin %> status --json'];
  static override flags = {
    socket: socketFlag,
    follow: Flags.boolean({description: 'then print what happens in the agent, a JSON line each, until Ctrl-C'}),
  };

  async run(): Promise<AgentStatus & {socket: string}> {
    const {flags} = await this.parse(Status);
    const agent = await connectAgent(flags.socket);
    const status = await agent.status();
    for (const line of describeAgent(agent.socket, status)) this.log(line);
    if (!isReady(status)) process.exitCode = 7;
    if (flags.follow) for await (const event of agent.events()) process.stdout.write(`${JSON.stringify(event)}\n`);
    return {...status, socket: agent.socket};
  }
}
