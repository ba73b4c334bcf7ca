import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {DekCommand} from '../../cli/base.js';
import {fleetFlag, withFleet} from '../../cli/fleet-flags.js';
import {fleetHostFlags, whichHosts} from '../../cli/fleet-hosts.js';
import {Progress} from '../../cli/progress.js';
import {assertDekName} from '../../dek-name.js';
import {type Published, publish} from '../../fleet/publish.js';

export default class FleetPublish extends DekCommand {
  static override summary = 'publish a manifest to hosts of a fleet';
  static override description =
    'Writes the manifest into etcd, in pieces that are shared with all that was published before, and moves the ' +
    'pointer of each host to it. The agents of the hosts (dek agent --manifest etcd://...) fetch it and apply it.\n\n' +
    'All is checked first, and a refusal changes nothing: a host goes forward only, to a later generation of its ' +
    'set; a name has one DCV in the whole fleet. A host is left out, and the exit status is 7, when the manifest is ' +
    'wrapped by another KEK than its own and it has not reported that its NICs take the login of that KEK; and when ' +
    'it would lose DEKs that another host has just got and has not proven yet.\n\n' +
    'Earlier generations of each host are kept, and what no host needs any more is removed.';
  static override examples = [
    {
      description: 'To two hosts',
      command: 'dek fleet publish vols.manifest --host node-1 --host node-2 --fleet "$DEK_FLEET"',
    },
    {
      description: 'To all, with the way back',
      command: 'dek fleet publish vols.manifest --all --fallback back.manifest',
    },
  ];
  static override args = {
    manifest: Args.string({required: true, ignoreStdin: true, description: 'manifest of version 2, dek-manifest(5)'}),
  };
  static override flags = {
    ...fleetHostFlags,
    fallback: Flags.string({
      helpValue: 'FILE',
      description: 'what a rollback brings: a later generation of the same set, with the DEKs of before',
    }),
    keep: Flags.integer({
      helpValue: 'N',
      default: 5,
      min: 1,
      max: 1000,
      description: 'earlier generations of each host that are kept',
    }),
    'replace-key': Flags.string({
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
      default: [],
      description: 'a DEK that may become another key than the fleet has under its name',
    }),
    'replace-set': Flags.boolean({description: 'a host may get another set of DEKs than it has, with another id'}),
    'let-go': Flags.boolean({
      description: 'a host may lose DEKs before the host that gets them has proven them',
    }),
    ...fleetFlag,
  };

  async run(): Promise<Published> {
    const {args, flags} = await this.parse(FleetPublish);
    flags['replace-key'].forEach(assertDekName);
    const hosts = await whichHosts(flags);
    const progress = new Progress(!this.jsonEnabled());
    const request = {
      manifest: args.manifest,
      fallback: flags.fallback,
      hosts,
      keep: flags.keep,
      replaceKeys: flags['replace-key'],
      replaceSet: flags['replace-set'] ?? false,
      letGo: flags['let-go'] ?? false,
      onProgress: (what: string, done: number, total: number) => progress.update(what, done, total),
    };
    const result = await withFleet(flags, ({store, keys}) => publish(store, keys, request)).finally(() =>
      progress.end(),
    );
    this.#print(result);
    if (result.leftOut.length > 0) process.exitCode = 7;
    return result;
  }

  #print({generation, deks, untold, hosts, unchanged, leftOut, blobs, bytes, forgotten, removed}: Published): void {
    const already = unchanged.length === 0 ? '' : `, ${unchanged.length} had it already`;
    this.log(`generation ${generation} with ${deks} DEKs: ${hosts.length} hosts moved${already}`);
    this.log(`${blobs} pieces written (${bytes} bytes)`);
    if (forgotten > 0) this.log(`${forgotten} earlier generations forgotten, ${removed} pieces removed`);
    if (untold > 0) this.note(`${untold} DEKs have no DCV: whether their names stand for one key cannot be told`);
    for (const {host, why} of leftOut) this.note(`left out: ${host}: ${why}`);
  }
}
