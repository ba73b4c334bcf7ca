import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import type {ListedHost, Master as MasterManifest} from '../bulk/rewrap-list.js';
import {counted, toHex} from '../bytes.js';
import {DekCommand} from '../cli/base.js';
import {idFlag} from '../cli/flags/flags.js';
import {formatFlag} from '../cli/flags/format-flag.js';
import {kekResult, withKek} from '../cli/flags/kek.js';
import {type ChangedManifestOptions, changedManifestFlags} from '../cli/manifest/replace-manifest.js';
import {rewrapManifest} from '../cli/manifest/rewrap-manifest.js';
import {countDeks, nameKek} from '../cli/output/phrases.js';
import {Progress} from '../cli/output/progress.js';
import {KEK_FORMS} from '../custody/sources/table.js';
import {assertDistinctStreams} from '../custody/spec.js';
import {wholeButEqual} from '../wrap/dek-keys.js';
import type {KekHandle} from '../wrap/kek-handle.js';

interface RewrapResult {
  deks: number;
  /** null: it cannot be told of this KEK. */
  fromKcv: string | null;
  toKcv: string | null;
  /** The lines of DEKs that are whole, but whose key1 equals key2. */
  equalKeys: readonly number[];
  /** The file that holds the new manifest. */
  output: string;
}

/** Of --to-list. */
interface ListResult {
  deks: number;
  fromKcv: string | null;
  equalKeys: readonly number[];
  /** Each with the file that holds its manifest. */
  hosts: readonly {host: string; toKcv: string | null; output: string}[];
}

interface RewrapFlags extends ChangedManifestOptions {
  'import-kek-id'?: number | undefined;
}

/** Lines that are listed; the rest are counted. */
const MAX_LISTED = 20;
const SOURCE = `(16 or 32 bytes): ${KEK_FORMS}`;

export default class Rewrap extends DekCommand {
  static override summary = 're-wrap a manifest under another import KEK';
  static override description =
    'Unwraps every DEK and the credential with the old import KEK and wraps them under the new one, in memory ' +
    'only. A DEK whose key1 equals key2 is re-wrapped too, and its line is named. In a manifest of version 2 each ' +
    'DEK keeps its check value (DCV), or gets one, and the login that the manifest ' +
    'has in store for the new KEK becomes its login. The new manifest is read back and ' +
    'compared with the old one before it takes its place. Whatever fails, and whenever the process is killed, either ' +
    'the old manifest or the new one is there, whole. Load the new KEK into the NICs before a host starts with the ' +
    'new manifest, and keep the old KEK until no host uses the old manifest.\n\n' +
    'With --to-list, one master of version 2 becomes a manifest for each host of a list, under the KEK of that ' +
    'host: HOST.manifest in the directory that --output names. The list is JSON Lines: {"host": "node-1", "kek": ' +
    '"file:kek-1", "importKekId": 257, "credentialId": 17, "credential": "credential-1.wrapped"}, where kek is a ' +
    'source of the KEK and credential the wrapped credential of its login; without the last three there is no ' +
    'login. The master is unwrapped once. Each manifest has the generation of the master, and an id of its own that ' +
    'stays the same.';
  static override usage = [
    'MANIFEST --from SOURCE [--from-format FORMAT] --to SOURCE [--to-format FORMAT] [--import-kek-id ID] ' +
      '[--output FILE [--force]] [--json]',
    'MANIFEST --from SOURCE [--from-format FORMAT] --to-list FILE --output DIR [--force] [--json]',
  ];
  static override examples = [
    'dek rewrap fleet.manifest --from file:kek-1.bin --to file:kek-2.bin --import-kek-id 0x21',
    'dek rewrap fleet.manifest --from file:kek-1.bin --to cred:kek-2 --output fleet-2.manifest',
    'dek rewrap master.manifest --from file:master.bin --to-list hosts.jsonl --output manifests',
  ];
  static override args = {
    manifest: Args.string({required: true, ignoreStdin: true, description: 'manifest to re-wrap'}),
  };
  static override flags = {
    from: Flags.string({required: true, helpValue: 'SOURCE', description: `old import KEK ${SOURCE}`}),
    'from-format': formatFlag('the old KEK'),
    to: Flags.string({helpValue: 'SOURCE', description: `new import KEK ${SOURCE}`}),
    'to-format': formatFlag('the new KEK'),
    'to-list': Flags.string({
      helpValue: 'FILE',
      description: 'hosts with the KEK of each, in place of --to: a manifest for each',
      exclusive: ['to', 'to-format', 'import-kek-id'],
      dependsOn: ['output'],
    }),
    'import-kek-id': idFlag({
      description: 'id of the new import KEK on the NIC (default: the id in the manifest)',
    }),
    ...changedManifestFlags,
  };

  async run(): Promise<RewrapResult | ListResult> {
    const {args, flags} = await this.parse(Rewrap);
    const {'to-list': list, output, force} = flags;
    const from = {kek: flags.from, 'kek-format': flags['from-format']};
    if (list !== undefined) {
      return withKek(from, (kek) => this.#toList(args.manifest, kek, {list, directory: output!, force}), 'from');
    }
    assertDistinctStreams(flags.from, flags.to);
    const to = {kek: flags.to, 'kek-format': flags['to-format']};
    return withKek(from, (kek) => withKek(to, (next) => this.#report(args.manifest, flags, kek, next), 'to'), 'from');
  }

  async #toList(
    manifest: string,
    from: KekHandle,
    {list, directory, force}: {list: string; directory: string; force: boolean},
  ): Promise<ListResult> {
    const {Master} = await import('../bulk/rewrap-list.js');
    const {openListed, readHostList} = await import('../cli/host-list.js');
    const listed: ListedHost[] = [];
    const progress = new Progress(!this.jsonEnabled());
    let master: MasterManifest | undefined;
    try {
      for (const line of await readHostList(list)) listed.push(await openListed(line));
      master = await Master.open(manifest, from);
      const hosts: {host: string; toKcv: string | null; output: string}[] = [];
      for (const one of listed) {
        const output = await master.write(one, directory, force);
        hosts.push({host: one.host, toKcv: one.to.kcv ? toHex(one.to.kcv) : null, output});
        progress.update('written', hosts.length, listed.length);
      }
      const {deks, equalLines: equalKeys} = master;
      this.note(`re-wrapped ${countDeks(deks)} for ${counted(hosts.length, 'host')}: ${directory}`);
      this.#noteEqual(equalKeys);
      return {deks, equalKeys, fromKcv: kekResult(from).kekKcv, hosts};
    } finally {
      progress.end();
      master?.close();
      for (const {to} of listed) await to.close();
    }
  }

  async #report(manifest: string, flags: RewrapFlags, from: KekHandle, to: KekHandle): Promise<RewrapResult> {
    const options = {from, to, importKekId: flags['import-kek-id']};
    const {deks, equalKeys} = await rewrapManifest(manifest, flags, options, !this.jsonEnabled());
    const output = flags.output ?? manifest;
    const [old, fresh] = [kekResult(from), kekResult(to)];
    this.note(`re-wrapped ${countDeks(deks)} from ${nameKek(old)} to ${nameKek(fresh)}: ${output}`);
    this.#noteEqual(equalKeys);
    return {deks, equalKeys, fromKcv: old.kekKcv, toKcv: fresh.kekKcv, output};
  }

  #noteEqual(equalKeys: readonly number[]): void {
    for (const line of equalKeys.slice(0, MAX_LISTED)) this.note(`line ${line}: ${wholeButEqual().message}`);
    if (equalKeys.length > MAX_LISTED) this.note(`and ${equalKeys.length - MAX_LISTED} more`);
  }
}
