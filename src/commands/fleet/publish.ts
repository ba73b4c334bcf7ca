import * as Args from '@oclif/core/args';
import {counted} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {fleetFlag, withFleet} from '../../cli/flags/fleet-flags.js';
import {publishFlags, publishOptions} from '../../cli/flags/fleet-publish-flags.js';
import {fleetHostFlags, whichHosts} from '../../cli/fleet-hosts.js';
import {untilSignal} from '../../cli/live/stop-signal.js';
import {Progress} from '../../cli/output/progress.js';
import {type Published, publish} from '../../fleet/publish/publish.js';

export default class FleetPublish extends DekCommand {
  static override summary = 'publish a manifest or a release to hosts of a fleet';
  static override description =
    'Writes the manifest, or those that a release lists, into etcd, in pieces that are shared with all that was ' +
    'published before, and moves the pointer of each host to its manifest. The agents of the hosts (dek agent ' +
    '--manifest etcd://...) fetch it and apply it. A signature beside the file (FILE.sig) goes with it.\n\n' +
    'All is checked first, and a refusal changes nothing: a host goes forward only, to a later generation of its ' +
    'set, and a name has one check value (DCV) in the whole fleet. A host is left out, and the exit status is 7, ' +
    'when the manifest is wrapped by another KEK than its own and it has not reported that its NICs take the login ' +
    'of that KEK; and when it would lose DEKs that another host has just got and has not proven yet.\n\n' +
    'Earlier generations of each host are kept, and what no host needs any more is removed.';
  static override usage =
    'FILE (--host NAME... | --hosts FILE | --all) [--fallback FILE] [--manifests DIR] [--keep N] ' +
    '[--replace-key NAME...] [--replace-set] [--let-go] [--fleet URI] [--json]';
  static override examples = [
    {
      description: 'To two hosts',
      command: 'dek fleet publish vols.manifest --host node-1 --host node-2 --fleet "$DEK_FLEET"',
    },
    {description: 'What a release lists, to all of its hosts', command: 'dek fleet publish november.release --all'},
  ];
  static override args = {
    file: Args.string({
      required: true,
      ignoreStdin: true,
      description: 'manifest of version 2, dek-manifest(5), or release',
    }),
  };
  static override flags = {...fleetHostFlags, ...publishFlags, ...fleetFlag};

  async run(): Promise<Published> {
    const {args, flags} = await this.parse(FleetPublish);
    const hosts = await whichHosts(flags);
    const progress = new Progress(!this.jsonEnabled());
    const request = {...publishOptions(args.file, flags, progress), hosts};
    const result = await untilSignal((signal) =>
      withFleet(flags, ({store, keys}) => publish(store, keys, request, signal)),
    ).finally(() => progress.end());
    this.#print(result);
    if (result.leftOut.length > 0) process.exitCode = 7;
    return result;
  }

  #print({moved, unchanged, leftOut, untold, blobs, bytes, forgotten, removed, obstacle}: Published): void {
    for (const [what, count] of countsOf(moved)) this.log(`${what}: ${counted(count, 'host')} moved`);
    if (unchanged.length > 0) this.log(`${counted(unchanged.length, 'host')} had it already`);
    this.log(`${counted(blobs, 'piece')} written, ${counted(bytes, 'byte')}`);
    if (forgotten > 0) {
      this.log(`${counted(forgotten, 'earlier generation')} forgotten, ${counted(removed, 'piece')} removed`);
    }
    if (untold > 0) {
      this.note(`${counted(untold, 'DEK')} without a DCV: whether each name stands for one key cannot be told`);
    }
    if (obstacle !== null) this.note(`nothing was removed: ${obstacle}, and what it needs is not known`);
    for (const {host, why} of leftOut) this.note(`left out: ${host}: ${why}`);
  }
}

/** How many hosts got which generation. */
function countsOf(moved: Published['moved']): Map<string, number> {
  const counts = new Map<string, number>();
  for (const {generation, deks} of moved) {
    const what = `generation ${generation} with ${counted(deks, 'DEK')}`;
    counts.set(what, (counts.get(what) ?? 0) + 1);
  }
  return counts;
}
