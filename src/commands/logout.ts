import {connectAgent} from '../agent/client.js';
import {DekCommand} from '../cli/base.js';
import {socketFlag} from '../cli/flags/flags.js';

export default class Logout extends DekCommand {
  static override summary = 'log out of the NIC';
  static override description = 'Existing DEKs stay usable, but none can be queried or created until the next login.';
  static override examples = ['dek logout'];
  static override flags = {socket: socketFlag};

  async run(): Promise<{loggedOut: true}> {
    const {flags} = await this.parse(Logout);
    const agent = await connectAgent(flags.socket);
    await agent.logout();
    this.log('logged out');
    return {loggedOut: true};
  }
}
