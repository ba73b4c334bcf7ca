import {connectAgent} from '../agent/client.js';
import type {AgentStatus} from '../agent/protocol.js';
import {DekCommand} from '../cli/base.js';
import {describeAgent} from '../cli/describe.js';
import {socketFlag} from '../cli/flags.js';

export default class Status extends DekCommand {
  static override summary = 'show the agent, its NIC, its login and how many DEKs it holds';
  static override description =
    'The exit status is 0 when the agent answers and its login, if it needs one, is VALID; 7 when the login is ' +
    'missing or not VALID, or the NIC is gone; 3 when there is no agent.';
  static override examples = ['<%= config.bin %> status', '<%= config.bin %> status --json'];
  static override flags = {socket: socketFlag};

  async run(): Promise<AgentStatus & {socket: string}> {
    const {flags} = await this.parse(Status);
    const agent = await connectAgent(flags.socket);
    const status = await agent.status();
    for (const line of describeAgent(agent.socket, status)) this.log(line);
    if (!isReady(status)) process.exitCode = 7;
    return {...status, socket: agent.socket};
  }
}

function isReady({device, login}: AgentStatus): boolean {
  return !device.gone && (login?.state === 'VALID' || device.importMode === 'plaintext');
}
