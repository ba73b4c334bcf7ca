import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {toHex} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {outputPath} from '../../cli/output/output.js';
import {countManifests} from '../../cli/output/phrases.js';
import {Progress} from '../../cli/output/progress.js';
import {DekError, withMessage} from '../../errors.js';
import {writeWholeFile} from '../../files/whole-file.js';
import {readOffered} from '../../manifest/acceptance/offer.js';
import {chunksOf} from '../../manifest/read.js';
import {formatRelease, newRelease, type ReleasedManifest} from '../../manifest/release/release.js';

interface ManifestReleaseResult {
  manifests: {
    file: string;
    /** In hex, as the digest (SHA-256 of the file). */
    id: string;
    generation: number;
    digest: string;
    /** Empty: any. */
    hosts: readonly string[];
    fallback: boolean;
  }[];
  issued: string;
  output: string;
}

export default class ManifestRelease extends DekCommand {
  static override summary = 'list the manifests of a fleet in one file, to be signed once';
  static override description =
    'The release lists each manifest by its digest, with its generation and the hosts that it is for. Signed by ' +
    'dek manifest sign, it stands for the signatures of all of them: a host that was started with --release ' +
    'applies what it lists, and nothing else. A --fallback is an earlier generation of one of the manifests: the ' +
    'way back, to which a host may go although it has had the later one. Each manifest is read whole and checked.';
  static override usage = 'MANIFEST... --output FILE [--fallback MANIFEST...] [--force] [--json]';
  static override examples = [
    'dek manifest release node-*.manifest --output fleet.release',
    'dek manifest release fleet.manifest --fallback old/fleet.manifest --output fleet.release',
  ];
  static override strict = false;
  static override args = {
    manifest: Args.string({ignoreStdin: true, description: 'manifest of version 2'}),
  };
  static override flags = {
    fallback: Flags.string({
      helpValue: 'MANIFEST',
      multiple: true,
      multipleNonGreedy: true,
      default: [],
      description: 'earlier generation to which hosts may go back; may be given more than once',
    }),
    output: Flags.string({
      char: 'o',
      required: true,
      helpValue: 'FILE',
      description: 'write the release to this new file (mode 0600)',
      parse: async (path) => outputPath(path, 'name a file'),
    }),
    force: Flags.boolean({description: 'replace the output file if it exists'}),
  };

  async run(): Promise<ManifestReleaseResult> {
    const {argv, flags} = await this.parse(ManifestRelease);
    const {output, force} = flags;
    const files = [
      ...(argv as string[]).map((file) => ({file, fallback: false})),
      ...flags.fallback.map((file) => ({file, fallback: true})),
    ];
    if (argv.length === 0)
      throw new DekError('BAD_ARGUMENT', 'name the manifests', {
        hint: 'dek manifest release MANIFEST... --output FILE',
      });
    const progress = new Progress(!this.jsonEnabled());
    const manifests: (ReleasedManifest & {file: string})[] = [];
    try {
      for (const {file, fallback} of files) {
        manifests.push({file, ...(await releasedOf(file, fallback))});
        progress.update('read', manifests.length, files.length);
      }
    } finally {
      progress.end();
    }
    assertEachOnce(manifests);
    const release = newRelease(manifests);
    await writeWholeFile(output, [formatRelease(release)], {force});
    this.note(`released ${countManifests(manifests.length)}: ${output}; sign it: dek manifest sign ${output}`);
    const listed = manifests.map(({id, digest, ...rest}) => ({...rest, id: toHex(id), digest: toHex(digest)}));
    return {manifests: listed, issued: release.issued, output};
  }
}

async function releasedOf(file: string, fallback: boolean): Promise<ReleasedManifest> {
  const {header, digests} = await readOffered(chunksOf(file)).catch((error: unknown) => {
    if (!(error instanceof DekError) || error.code !== 'BAD_INPUT') throw error;
    throw withMessage(error, `${file}: ${error.message}`);
  });
  if (!header.edition) {
    throw new DekError('BAD_INPUT', `${file} is of version 1, which has no generation`, {
      hint: `dek manifest upgrade ${file} --kek SOURCE`,
    });
  }
  const {id, generation, hosts} = header.edition;
  return {id, generation, digest: digests.sha256, hosts, fallback};
}

/** Throws BAD_ARGUMENT where a host could not tell which manifest is meant, with the files that are at fault. */
function assertEachOnce(manifests: readonly (ReleasedManifest & {file: string})[]): void {
  const mains = new Map<string, ReleasedManifest & {file: string}>();
  for (const one of manifests) {
    if (one.fallback) continue;
    const other = mains.get(toHex(one.id));
    if (other) {
      throw new DekError('BAD_ARGUMENT', `${other.file} and ${one.file} are generations of one manifest`, {
        hint: 'the earlier one may be a --fallback',
      });
    }
    mains.set(toHex(one.id), one);
  }
  for (const {file, id, generation, fallback} of manifests) {
    const main = mains.get(toHex(id));
    if (!fallback || (main && generation < main.generation)) continue;
    const why = main ? `is not earlier than ${main.file}` : 'is of none of the manifests';
    throw new DekError('BAD_ARGUMENT', `--fallback ${file} ${why}`, {
      hint: 'a fallback is an earlier generation of a MANIFEST of this release',
    });
  }
}
