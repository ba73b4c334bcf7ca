import {DekCommand} from '../../../cli/base.js';
import {describeKeys, functionFlags, functionsOf, officerFlags, officerLogin} from '../../../cli/officer.js';
import {type KeyList, listOnAll} from '../../../officer/functions.js';

export default class OfficerKekList extends DekCommand {
  static override summary = 'list the import KEKs of a NIC';
  static override description =
    'Asks the NIC for each id that it may have given out, under the login of an officer: a NIC tells of one ' +
    'import KEK at a time. Shows their ids, states and sizes, and how many more it has room for.';
  static override examples = [
    'dek officer kek list --credential officer.wrapped --credential-id 0 --import-kek-id 0 --all-ports',
  ];
  static override flags = {...officerFlags, ...functionFlags};

  async run(): Promise<KeyList[]> {
    const {flags} = await this.parse(OfficerKekList);
    const lists = await listOnAll(functionsOf(flags), 'kek', await officerLogin(flags));
    for (const {device, room, keys} of lists) {
      for (const line of describeKeys('kek', `${device}: `, room, keys)) this.log(line);
    }
    return lists;
  }
}
