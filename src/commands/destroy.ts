import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {connectAgent} from '../agent/client.js';
import {DekCommand} from '../cli/base.js';
import {socketFlag} from '../cli/flags/flags.js';
import {whichDeks} from '../cli/flags/which-deks.js';

export default class Destroy extends DekCommand {
  static override summary = 'destroy DEKs';
  static override description = 'The NIC forgets the keys. If one of the names is unknown, nothing is destroyed.';
  static override usage = ['NAME... [--socket PATH] [--json]', '--all [--socket PATH] [--json]'];
  static override examples = ['dek destroy vol-1 vol-2', 'dek destroy --all'];
  static override strict = false;
  static override args = {
    name: Args.string({ignoreStdin: true, description: 'name of a DEK in the agent'}),
  };
  static override flags = {
    all: Flags.boolean({description: 'destroy all DEKs of the agent'}),
    socket: socketFlag,
  };

  async run(): Promise<{destroyed: string[]}> {
    const {argv, flags} = await this.parse(Destroy);
    const which = whichDeks(argv as string[], flags.all, 'destroy');
    const agent = await connectAgent(flags.socket);
    const destroyed = await agent.destroyDeks(which);
    for (const name of destroyed) this.log(`destroyed ${name}`);
    if (destroyed.length === 0) this.note('the agent held no DEKs');
    return {destroyed};
  }
}
