import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {DekCommand} from '../cli/base.js';
import {idFlag} from '../cli/flags.js';
import {formatFlag} from '../cli/format-flag.js';
import {kekResult, withKek} from '../cli/kek.js';
import {countDeks, nameKek} from '../cli/phrases.js';
import {type ChangedManifestOptions, changedManifestFlags} from '../cli/replace-manifest.js';
import {rewrapManifest} from '../cli/rewrap-manifest.js';
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
    'new manifest, and keep the old KEK until no host uses the old manifest.';
  static override usage =
    'MANIFEST --from SOURCE [--from-format FORMAT] --to SOURCE [--to-format FORMAT] [--import-kek-id ID] ' +
    '[--output FILE [--force]] [--json]';
  static override examples = [
    'dek rewrap fleet.manifest --from file:kek-1.bin --to file:kek-2.bin --import-kek-id 0x21',
    'dek rewrap fleet.manifest --from file:kek-1.bin --to cred:kek-2 --output fleet-2.manifest',
  ];
  static override args = {
    manifest: Args.string({required: true, ignoreStdin: true, description: 'manifest to re-wrap'}),
  };
  static override flags = {
    from: Flags.string({required: true, helpValue: 'SOURCE', description: `old import KEK ${SOURCE}`}),
    'from-format': formatFlag('the old KEK'),
    to: Flags.string({required: true, helpValue: 'SOURCE', description: `new import KEK ${SOURCE}`}),
    'to-format': formatFlag('the new KEK'),
    'import-kek-id': idFlag({
      description: 'id of the new import KEK on the NIC (default: the id in the manifest)',
    }),
    ...changedManifestFlags,
  };

  async run(): Promise<RewrapResult> {
    const {args, flags} = await this.parse(Rewrap);
    assertDistinctStreams(flags.from, flags.to);
    return withKek(
      {kek: flags.from, 'kek-format': flags['from-format']},
      (from) =>
        withKek(
          {kek: flags.to, 'kek-format': flags['to-format']},
          (to) => this.#report(args.manifest, flags, from, to),
          'to',
        ),
      'from',
    );
  }

  async #report(manifest: string, flags: RewrapFlags, from: KekHandle, to: KekHandle): Promise<RewrapResult> {
    const options = {from, to, importKekId: flags['import-kek-id']};
    const {deks, equalKeys} = await rewrapManifest(manifest, flags, options, !this.jsonEnabled());
    const output = flags.output ?? manifest;
    const [old, fresh] = [kekResult(from), kekResult(to)];
    this.note(`re-wrapped ${countDeks(deks)} from ${nameKek(old)} to ${nameKek(fresh)}: ${output}`);
    for (const line of equalKeys.slice(0, MAX_LISTED)) this.note(`line ${line}: ${wholeButEqual().message}`);
    if (equalKeys.length > MAX_LISTED) this.note(`and ${equalKeys.length - MAX_LISTED} more`);
    return {deks, equalKeys, fromKcv: old.kekKcv, toKcv: fresh.kekKcv, output};
  }
}
