import * as Args from '@oclif/core/args';
import {DekCommand} from '../../../cli/base.js';
import {parseId} from '../../../cli/flags/flags.js';
import {functionFlags, functionsOf, namesOf, officerFlags, officerLogin} from '../../../cli/officer.js';
import {describeId} from '../../../cli/output/describe.js';
import {deleteOnAll} from '../../../officer/functions.js';

interface DeleteResult {
  id: number;
  devices: readonly string[];
}

export default class OfficerCredentialDelete extends DekCommand {
  static override summary = 'delete a credential from a NIC';
  static override description =
    'Deletes the credential with this id: logins with it turn INVALID. The one that the officer logs in with is ' +
    'refused, so that there is always an officer left. With --all-ports it is deleted under this id on each port and ' +
    'function: the ids need not be of the same credential.';
  static override examples = [
    'dek officer credential delete 0x1 --credential officer.wrapped --credential-id 0 --import-kek-id 0',
  ];
  static override args = {
    id: Args.string({required: true, ignoreStdin: true, description: 'id of the credential on the NIC'}),
  };
  static override flags = {...officerFlags, ...functionFlags};

  async run(): Promise<DeleteResult> {
    const {args, flags} = await this.parse(OfficerCredentialDelete);
    const id = parseId(args.id, 'ID');
    const functions = functionsOf(flags);
    await deleteOnAll(functions, 'credential', await officerLogin(flags), id);
    this.log(`deleted credential ${describeId(id)} of ${namesOf(functions)}`);
    return {id, devices: functions.map(({name}) => name)};
  }
}
