import {connectAgent} from '../agent/client.js';
import type {DekStatus} from '../agent/protocol.js';
import {DekCommand} from '../cli/base.js';
import {socketFlag} from '../cli/flags/flags.js';
import {describeDeks} from '../cli/output/describe.js';
import {screen} from '../cli/output/screen.js';

export default class List extends DekCommand {
  static override summary = 'list the DEKs of the agent';
  static override description =
    'The agent queries each DEK. UNKNOWN means that the NIC did not answer: the login is missing or not valid, ' +
    'or the NIC is gone (see dek status).';
  static override examples = ['dek list', "dek list --json | jq -r '.[].name'"];
  static override flags = {socket: socketFlag};

  async run(): Promise<DekStatus[]> {
    const {flags} = await this.parse(List);
    const agent = await connectAgent(flags.socket);
    const deks = await agent.listDeks();
    if (deks.length === 0) this.note('the agent holds no DEKs');
    else for (const line of describeDeks(deks, screen())) this.log(line);
    return deks;
  }
}
