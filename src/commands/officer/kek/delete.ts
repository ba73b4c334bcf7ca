import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {DekCommand} from '../../../cli/base.js';
import {parseId, socketFlag} from '../../../cli/flags/flags.js';
import {assertUnused, kekUsage} from '../../../cli/kek-usage.js';
import {functionFlags, functionsOf, namesOf, officerFlags, officerLogin} from '../../../cli/officer.js';
import {describeId} from '../../../cli/output/describe.js';
import {deleteOnAll} from '../../../officer/functions.js';

interface DeleteResult {
  id: number;
  devices: readonly string[];
}

export default class OfficerKekDelete extends DekCommand {
  static override summary = 'delete an import KEK from a NIC';
  static override description =
    'Deletes the import KEK with this id. Logins under it turn INVALID, and the NIC takes no DEK that it has ' +
    'wrapped any more; DEKs that are there stay usable until their context closes. Refuses the KEK of the login ' +
    'itself and, without --force, one that an agent of this host is logged in with or that a manifest names. With ' +
    '--all-ports it is deleted under this id on each port and function: the ids need not be of the same key.';
  static override examples = [
    'dek officer kek delete 0x1 --credential officer.wrapped --credential-id 0 --import-kek-id 0',
  ];
  static override args = {
    id: Args.string({required: true, ignoreStdin: true, description: 'id of the import KEK on the NIC'}),
  };
  static override flags = {
    ...officerFlags,
    ...functionFlags,
    manifest: Flags.string({
      helpValue: 'PATH',
      multiple: true,
      multipleNonGreedy: true,
      default: [],
      description: 'manifest that must not name it, or a directory of them; may be given more than once',
    }),
    force: Flags.boolean({description: 'delete it even if a login or a manifest of this host names it'}),
    socket: socketFlag,
  };

  async run(): Promise<DeleteResult> {
    const {args, flags} = await this.parse(OfficerKekDelete);
    const id = parseId(args.id, 'ID');
    const functions = functionsOf(flags);
    const login = await officerLogin(flags);
    if (!flags.force) {
      const devices = functions.map(({name}) => name);
      const usage = await kekUsage(null, {paths: flags.manifest, socket: flags.socket, ids: [id], devices});
      const hint = 'its logins would turn INVALID; re-wrap the manifests first (dek rewrap), or give --force';
      assertUnused(`import KEK ${describeId(id)}`, usage, hint);
    }
    await deleteOnAll(functions, 'kek', login, id);
    this.log(`deleted import KEK ${describeId(id)} of ${namesOf(functions)}`);
    return {id, devices: functions.map(({name}) => name)};
  }
}
