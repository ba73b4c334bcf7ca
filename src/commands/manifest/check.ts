import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {checkManifest, type OnFault} from '../../bulk/check.js';
import {toHex} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {isKekGiven, KEK_USAGE, kekFlags, kekSpecs, withKek} from '../../cli/flags/kek.js';
import {type EditionJson, editionJson} from '../../cli/manifest/edition.js';
import {withCrew} from '../../cli/manifest/many-deks.js';
import {replaceManifest} from '../../cli/manifest/replace-manifest.js';
import {countDeks, nameKek} from '../../cli/output/phrases.js';
import {assertDistinctStreams} from '../../custody/spec.js';
import {DekError, type DekErrorCode} from '../../errors.js';
import type {FormatVersion} from '../../manifest/fields/edition.js';
import {type ManifestHeader, versionOf} from '../../manifest/fields/header.js';
import {openLines} from '../../manifest/read.js';
import type {KekHandle} from '../../wrap/kek-handle.js';

interface ManifestCheckResult {
  /** DEKs without a fault. */
  deks: number;
  /** Of those: without a check value (DCV), or without all that goes with one; 0 in version 1, which has none. */
  unmarked: number;
  version: FormatVersion;
  /** null in version 1. */
  edition: EditionJson | null;
  devices: string[];
  importKekId: number | null;
  importKekKcv: string | null;
  credentialId: number | null;
  /** Whether each DEK and the credential were unwrapped. */
  unwrapped: boolean;
  /** How many lines are at fault. */
  faultCount: number;
  /** The first of them. */
  faults: {line: number; code: DekErrorCode; message: string}[];
}

/** How many faults are listed; the rest are counted. */
const MAX_FAULTS = 100;

export default class ManifestCheck extends DekCommand {
  static override summary = 'check a manifest for faults';
  static override description =
    'Reads the whole manifest, without a device, and reports each fault by line and field. With --kek, every DEK ' +
    'and the credential are unwrapped as well, and each key is compared with its check value (DCV), where it has ' +
    'one; the KEK must have the key check value that the header names, and no plaintext leaves the process. With ' +
    '--add-dcv, DEKs without a DCV get one then: the next generation of the manifest takes its place. Exits with 2 ' +
    'if a line is malformed, with 6 if a key does not unwrap or is not what its DCV says, or the KEK is another ' +
    'one, and with 8 if the only fault is a DEK whose key1 equals key2.';
  static override usage = ['FILE [--json]', `FILE ${KEK_USAGE} [--add-dcv] [--json]`];
  static override examples = [
    'dek manifest check fleet.manifest',
    'dek manifest check fleet.manifest --kek file:kek.bin --json',
    'dek manifest check fleet.manifest --kek file:kek.bin --add-dcv',
  ];
  static override args = {
    file: Args.string({required: true, ignoreStdin: true, description: 'manifest: a path or - (stdin)'}),
  };
  static override flags = {
    ...kekFlags,
    'add-dcv': Flags.boolean({
      description: 'write the check values (DCVs) that are missing into the manifest',
    }),
  };

  async run(): Promise<ManifestCheckResult> {
    const {args, flags} = await this.parse(ManifestCheck);
    assertDistinctStreams(args.file, ...kekSpecs(flags));
    const hasKek = isKekGiven(flags);
    if (flags['add-dcv'] && !hasKek)
      throw new DekError('BAD_ARGUMENT', '--add-dcv requires --kek', {
        hint: 'add --kek SOURCE, or leave out --add-dcv',
      });
    if (flags['add-dcv'] && args.file === '-')
      throw new DekError('BAD_ARGUMENT', '--add-dcv needs a file, not stdin', {
        hint: 'dek manifest check FILE --add-dcv --kek SOURCE',
      });
    if (!hasKek) return this.#report(await this.#check(args.file));
    return withKek(flags, async (kek) => {
      const result = this.#report(await this.#check(args.file, kek));
      return flags['add-dcv'] ? this.#addDcvs(args.file, kek, result) : result;
    });
  }

  /** Writes the manifest anew if all of it is in order and something is missing. */
  async #addDcvs(file: string, kek: KekHandle, checked: ManifestCheckResult): Promise<ManifestCheckResult> {
    const {version, faultCount, unmarked} = checked;
    if (version === 1) {
      throw new DekError('BAD_ARGUMENT', `${file} is of version 1, which has no check values (DCVs)`, {
        hint: 'dek manifest upgrade makes version 2 of it, with check values',
      });
    }
    if (faultCount > 0 || unmarked === 0) return checked;
    let fresh: ReturnType<typeof facts> | undefined;
    await withCrew([kek], !this.jsonEnabled(), async (crew, count) => {
      const {markManifest} = await import('../../bulk/index.js');
      const onHeader = (header: ManifestHeader): void => {
        fresh = facts(header);
      };
      await replaceManifest(file, markManifest(crew, file, kek, onHeader, count('written')));
    });
    this.log(`added the check values (DCVs) that were missing: of ${countDeks(unmarked)}`);
    return {...checked, ...fresh, unmarked: 0};
  }

  async #check(file: string, kek?: KekHandle): Promise<ManifestCheckResult> {
    const faults: ManifestCheckResult['faults'] = [];
    let faultCount = 0;
    const onFault: OnFault = (line, error) => {
      faultCount++;
      if (faults.length < MAX_FAULTS) faults.push({line, code: error.code, message: error.message});
      // One malformed line weighs more than a thousand that do not unwrap, and those more than keys that are equal.
      process.exitCode = Math.min(Number(process.exitCode ?? error.exitStatus), error.exitStatus);
    };
    const manifest = await openLines(file === '-' ? process.stdin : file);
    try {
      let unmarked = 0;
      const deks = await withCrew(kek ? [kek] : [], !this.jsonEnabled(), async (crew, count) => {
        ({unmarked} = await checkManifest(crew, manifest, kek, onFault, count('checked')));
      });
      const known = facts(manifest.header);
      if (known.version === 1) unmarked = 0;
      return {deks, unmarked, ...known, unwrapped: kek !== undefined, faultCount, faults};
    } finally {
      await manifest.lines.return();
    }
  }

  #report(result: ManifestCheckResult): ManifestCheckResult {
    const {deks, unmarked, importKekKcv, unwrapped, faultCount, faults} = result;
    for (const {message} of faults) this.log(message);
    if (faultCount > faults.length) this.log(`and ${faultCount - faults.length} more`);
    const how = unwrapped ? 'each unwraps under' : 'wrapped under';
    const rest = faultCount === 0 ? 'ok' : `${faultCount} ${faultCount === 1 ? 'line' : 'lines'} at fault`;
    this.log(`${rest}: ${countDeks(deks)}, ${how} ${nameKek({kekKcv: importKekKcv})}`);
    if (unmarked > 0) this.note(`${countDeks(unmarked)} without a check value (DCV): --kek SOURCE --add-dcv adds it`);
    return result;
  }
}

/** What the header tells, of which nothing is a secret. */
function facts(header: ManifestHeader): Omit<ManifestCheckResult, 'deks' | 'unmarked' | 'unwrapped' | FaultMember> {
  const {edition, devices, importKekKcv, login} = header;
  return {
    version: versionOf(header),
    edition: edition ? editionJson(edition) : null,
    devices,
    importKekId: login?.importKekId ?? null,
    importKekKcv: importKekKcv && toHex(importKekKcv),
    credentialId: login?.credentialId ?? null,
  };
}

type FaultMember = 'faultCount' | 'faults';
