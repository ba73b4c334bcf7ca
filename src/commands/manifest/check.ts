import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {checkManifest, type OnFault} from '../../bulk/check.js';
import {toHex} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {formatFlag} from '../../cli/format-flag.js';
import {withKek} from '../../cli/kek.js';
import {withCrew} from '../../cli/many-deks.js';
import {countDeks, nameKek} from '../../cli/phrases.js';
import {KEK_FORMS} from '../../custody/sources/table.js';
import {assertDistinctStreams} from '../../custody/spec.js';
import type {DekErrorCode} from '../../errors.js';
import type {ManifestHeader} from '../../manifest/index.js';
import {openLines} from '../../manifest/read.js';

interface ManifestCheckResult {
  /** DEKs without a fault. */
  deks: number;
  devices: string[];
  importKekId: number | null;
  importKekKcv: string;
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
  static override summary = 'verify a manifest';
  static override description =
    'Reads the whole manifest, without a device, and reports each fault by line and field. With --kek, every DEK ' +
    'and the credential are unwrapped as well; the KEK must have the key check value that the header names, and ' +
    'no plaintext leaves the process. Exits with 2 if a line is malformed, with 6 if a key does not unwrap or the ' +
    'KEK is another one, and with 8 if the only fault is a DEK whose key1 equals key2.';
  static override examples = [
    'dek manifest check fleet.manifest',
    'dek manifest check fleet.manifest --kek file:kek.bin --json',
  ];
  static override args = {
    file: Args.string({required: true, ignoreStdin: true, description: 'manifest: a path or - (stdin)'}),
  };
  static override flags = {
    kek: Flags.string({
      helpValue: 'SOURCE',
      description: `also unwrap with this import KEK: ${KEK_FORMS}`,
    }),
    'kek-format': formatFlag('the KEK', {dependsOn: ['kek']}),
  };

  async run(): Promise<ManifestCheckResult> {
    const {args, flags} = await this.parse(ManifestCheck);
    assertDistinctStreams(args.file, flags.kek);
    const {kek} = flags;
    const result = await (kek === undefined
      ? this.#check(args.file)
      : withKek({...flags, kek}, (kek) => this.#check(args.file, kek)));
    this.#report(result);
    return result;
  }

  async #check(file: string, kek?: Uint8Array): Promise<ManifestCheckResult> {
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
      const deks = await withCrew(kek ? [kek] : [], !this.jsonEnabled(), (crew, count) =>
        checkManifest(crew, manifest, kek, onFault, count('checked')),
      );
      return {deks, ...facts(manifest.header), unwrapped: kek !== undefined, faultCount, faults};
    } finally {
      await manifest.lines.return();
    }
  }

  #report({deks, importKekKcv, unwrapped, faultCount, faults}: ManifestCheckResult): void {
    for (const {message} of faults) this.log(message);
    if (faultCount > faults.length) this.log(`and ${faultCount - faults.length} more`);
    const how = unwrapped ? 'each unwraps under' : 'wrapped under';
    const rest = faultCount === 0 ? 'ok' : `${faultCount} ${faultCount === 1 ? 'line' : 'lines'} at fault`;
    this.log(`${rest}: ${countDeks(deks)}, ${how} ${nameKek(importKekKcv)}`);
  }
}

function facts({
  devices,
  importKekKcv,
  login,
}: ManifestHeader): Pick<ManifestCheckResult, 'devices' | 'importKekId' | 'importKekKcv' | 'credentialId'> {
  return {
    devices,
    importKekId: login?.importKekId ?? null,
    importKekKcv: toHex(importKekKcv),
    credentialId: login?.credentialId ?? null,
  };
}
