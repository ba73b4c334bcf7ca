import * as Args from '@oclif/core/args';
import {DekCommand} from '../../cli/base.js';
import {KEK_USAGE, kekFlags, withKek} from '../../cli/flags/kek.js';
import {describeEdition, type EditionJson, editionJson} from '../../cli/manifest/edition.js';
import {withCrew} from '../../cli/manifest/many-deks.js';
import {changedManifestFlags, deliverManifest} from '../../cli/manifest/replace-manifest.js';
import {countDeks} from '../../cli/output/phrases.js';
import {DekError} from '../../errors.js';
import type {ManifestHeader} from '../../manifest/fields/header.js';
import {readHeader} from '../../manifest/read.js';

interface ManifestUpgradeResult {
  deks: number;
  edition: EditionJson;
  /** The file that holds the new manifest. */
  output: string;
}

export default class ManifestUpgrade extends DekCommand {
  static override summary = 'convert a manifest of version 1 to version 2';
  static override description =
    'Version 2 names the set of DEKs and counts its generations, and tells of each DEK its check value (DCV) and ' +
    'its keytag: what dek prove compares with, what shows that a DEK is still the same key under another KEK, and ' +
    'what a service needs to use a DEK with keytag. To compute them each DEK is unwrapped, in memory only. Wrapped ' +
    'keys stay as they are, so that a running agent takes the new manifest over without a command to the NIC. A ' +
    'dek that knows only version 1 refuses it.';
  static override usage = `FILE ${KEK_USAGE} [--output FILE [--force]] [--json]`;
  static override examples = [
    'dek manifest upgrade fleet.manifest --kek file:kek.bin',
    'dek manifest upgrade fleet.manifest --kek cred:import-kek --output fleet-2.manifest',
  ];
  static override args = {
    file: Args.string({required: true, ignoreStdin: true, description: 'manifest of version 1'}),
  };
  static override flags = {...kekFlags, ...changedManifestFlags};

  async run(): Promise<ManifestUpgradeResult> {
    const {args, flags} = await this.parse(ManifestUpgrade);
    const {file} = args;
    const output = flags.output ?? file;
    const header = await readHeader(file);
    if (header.edition) {
      throw new DekError('BAD_ARGUMENT', `${file} is of version 2 already`, {
        hint: `dek manifest check ${file} --kek SOURCE --add-dcv adds the check values that are missing`,
      });
    }
    let fresh: ManifestHeader['edition'];
    const deks = await withKek(flags, (kek) =>
      withCrew([kek], !this.jsonEnabled(), async (crew, count) => {
        const {markManifest} = await import('../../bulk/index.js');
        const onHeader = ({edition}: ManifestHeader): void => {
          fresh = edition;
        };
        await deliverManifest(file, markManifest(crew, file, kek, onHeader, count('upgraded')), flags);
      }),
    );
    const edition = editionJson(fresh!);
    this.note(`upgraded ${countDeks(deks)}: ${describeEdition(edition)}: ${output}`);
    return {deks, edition, output};
  }
}
