import * as Flags from '@oclif/core/flags';
import {DekCommand} from '../../cli/base.js';
import {fleetFlag, fleetUri} from '../../cli/flags/fleet-flags.js';
import {fleetHostFlags, whichHosts} from '../../cli/fleet-hosts.js';
import {DekError} from '../../errors.js';
import {FleetKeys} from '../../fleet/layout/keys.js';
import {roleCommands} from '../../fleet/roles.js';
import {HOST_FORM, isHost} from '../../manifest/fields/edition.js';

interface FleetInitResult {
  commands: string[];
}

export default class FleetInit extends DekCommand {
  static override summary = 'print the etcd commands for the users and roles of a fleet';
  static override description =
    'Prints commands of etcdctl, for the administrator of etcd to read and then run. It runs nothing and asks no ' +
    'store: of --fleet only the prefix counts. etcd has to check the certificates of clients (--client-cert-auth), ' +
    'and a user is the common name of a certificate.\n\n' +
    'A publisher writes manifests and pointers. An auditor reads everything and writes nothing. A host reads ' +
    'manifests and its own pointer, and writes its own status: its key, if it is stolen, cannot touch another host.';
  static override examples = [
    {
      description: 'A new fleet',
      command: 'dek fleet init --publisher ops --auditor audit --hosts hosts.txt | sh -e',
    },
    {description: 'Add a host', command: 'dek fleet init --add --host node-7'},
  ];
  static override flags = {
    ...{host: fleetHostFlags.host, hosts: fleetHostFlags.hosts},
    publisher: Flags.string({
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
      default: [],
      description: 'user that publishes, by the common name of its certificate; may be given more than once',
    }),
    auditor: Flags.string({
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
      default: [],
      description: 'user that may read everything, likewise; may be given more than once',
    }),
    add: Flags.boolean({description: 'add to a fleet that is set up: print only what these users and hosts need'}),
    ...fleetFlag,
  };

  async run(): Promise<FleetInitResult> {
    const {flags} = await this.parse(FleetInit);
    const {publisher: publishers, auditor: auditors, add} = flags;
    if ([...publishers, ...auditors].some((name) => !isHost(name))) {
      throw new DekError('BAD_ARGUMENT', '--publisher or --auditor is no name of a user', {hint: HOST_FORM});
    }
    const isNamed = flags.host !== undefined || flags.hosts !== undefined;
    const hosts = isNamed ? (await whichHosts(flags))! : [];
    const keys = new FleetKeys(fleetUri(flags).prefix);
    const commands = roleCommands({keys, publishers, auditors, hosts, isNew: !add});
    for (const command of commands) this.log(command);
    return {commands};
  }
}
