import * as Args from '@oclif/core/args';
import {connectAgent} from '../agent/client.js';
import type {DekStatus} from '../agent/protocol.js';
import {DekCommand} from '../cli/base.js';
import {socketFlag} from '../cli/flags/flags.js';
import {describeDeks} from '../cli/output/describe.js';
import {screen} from '../cli/output/screen.js';
import {assertDekName} from '../dek-name.js';

export default class Query extends DekCommand {
  static override summary = 'query the state of a DEK';
  static override description =
    'The agent asks the NIC. Exits with 0 if the DEK is READY, and with 7 if it is in ERROR.';
  static override examples = ['dek query vol-1', 'dek query vol-1 --json'];
  static override args = {
    name: Args.string({required: true, ignoreStdin: true, description: 'name of the DEK in the agent'}),
  };
  static override flags = {socket: socketFlag};

  async run(): Promise<DekStatus> {
    const {args, flags} = await this.parse(Query);
    assertDekName(args.name);
    const agent = await connectAgent(flags.socket);
    const dek = await agent.queryDek(args.name);
    for (const line of describeDeks([dek], screen())) this.log(line);
    if (dek.state !== 'READY') process.exitCode = 7;
    return dek;
  }
}
