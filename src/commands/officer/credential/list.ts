import {DekCommand} from '../../../cli/base.js';
import {describeKeys, functionFlags, functionsOf, officerFlags, officerLogin} from '../../../cli/officer.js';
import {type KeyList, listOnAll} from '../../../officer/functions.js';

export default class OfficerCredentialList extends DekCommand {
  static override summary = 'list the credentials of a NIC';
  static override description =
    'Asks the NIC for each id that it may have given out, under the login of an officer: a NIC tells of one ' +
    'credential at a time. Shows their ids, states and roles, and how many more it has room for.';
  static override examples = [
    'dek officer credential list --credential officer.wrapped --credential-id 0 --import-kek-id 0 --all-ports',
  ];
  static override flags = {...officerFlags, ...functionFlags};

  async run(): Promise<KeyList[]> {
    const {flags} = await this.parse(OfficerCredentialList);
    const lists = await listOnAll(functionsOf(flags), 'credential', await officerLogin(flags));
    for (const {device, room, keys} of lists) {
      for (const line of describeKeys('credential', `${device}: `, room, keys)) this.log(line);
    }
    return lists;
  }
}
