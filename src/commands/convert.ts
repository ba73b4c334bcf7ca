import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {orList} from '../bytes.js';
import {DekCommand} from '../cli/base.js';
import {idFlag} from '../cli/flags/flags.js';
import {isKekGiven, KEK_USAGE, kekFlags, withKekIfGiven} from '../cli/flags/kek.js';
import {deliverStream, fileFlags} from '../cli/output/output.js';
import type {Material, ReadOptions} from '../doctor/formats/material.js';
import {FILE_FORMAT_NAMES, FILE_FORMATS, type FileFormatName} from '../doctor/formats/table.js';
import {DekError, withMessage} from '../errors.js';
import {readSmallFile} from '../files/small-file.js';

interface Converted {
  from: FileFormatName;
  to: FileFormatName;
  /** Whether a credential was written, and the names of the DEKs. */
  credential: boolean;
  deks: string[];
  /** null: standard output. */
  output: string | null;
}

/** Files of peers are small; a manifest is read as a stream. */
const MAX_BYTES = 1 << 20;

const formatOption = (description: string) =>
  Flags.option({options: FILE_FORMAT_NAMES, required: true, helpValue: 'FORMAT', description})();

export default class Convert extends DekCommand {
  static override summary = 'convert wrapped keys and credentials to the files of peers, and back';
  static override description =
    'Reads FILE as one format and writes it as another: raw, hex, c (arrays in C), perftest (one number per line, ' +
    'for --credentials_path and for what --data_enc_key_app_path writes), dpdk (a wcs_file for a credential; ' +
    'arrays in C for DEKs, which need a keytag there), pyverbs (the file that MLX5_CRYPTO_TEST_INFO names) and ' +
    'manifest. Only ciphertext is converted. With a KEK, pyverbs gets the ciphertext of the data that its tests ' +
    'compare; without, they compare no data. SPDK takes plaintext keys by its socket alone: dek spdk load.';
  static override usage = [
    'FILE --from FORMAT --to FORMAT [--name NAME,... | --credential] [--output FILE [--force]] [--json]',
    `FILE --from FORMAT --to FORMAT [--name NAME,...] [--credential-id ID --import-kek-id ID] ${KEK_USAGE}`,
  ];
  static override examples = [
    {description: "For rdma-core's tests", command: 'dek convert manifest --from manifest --to pyverbs --kek file:kek'},
    'dek convert credential.wrapped --from raw --to dpdk --credential --output credential.hex',
    'dek convert manifest --from manifest --to c --name vol-1,vol-2 --output keys.h',
    'dek convert credentials --from perftest --to raw --credential --output credential.wrapped',
  ];
  static override args = {
    file: Args.string({required: true, ignoreStdin: true, description: 'file to convert'}),
  };
  static override flags = {
    from: formatOption(`format of FILE: ${orList(FILE_FORMAT_NAMES)}`),
    to: formatOption('format of the output, one of the same'),
    name: Flags.string({
      helpValue: 'NAME,...',
      multiple: true,
      delimiter: ',',
      default: [],
      description: 'DEKs to convert (default: all); where FILE has no names, the name of its DEK',
    }),
    credential: Flags.boolean({
      description: 'convert the credential alone; a raw or hex FILE then is one',
      exclusive: ['name'],
    }),
    'credential-id': idFlag({
      description: 'for a manifest, id of the credential on the NIC',
      dependsOn: ['import-kek-id'],
    }),
    'import-kek-id': idFlag({
      description: 'for a manifest, id of the import KEK on the NIC',
      dependsOn: ['credential-id'],
    }),
    ...kekFlags,
    ...fileFlags('write to this new file instead of stdout'),
  };

  async run(): Promise<Converted> {
    const {args, flags} = await this.parse(Convert);
    const {from, to, name, output, force} = flags;
    assertFor(['manifest'], to, '--credential-id', flags['credential-id'] !== undefined);
    assertFor(['manifest', 'pyverbs'], to, '--kek', isKekGiven(flags));
    const all = await readMaterial(args.file, from, {isCredential: flags.credential, name: name[0] ?? 'dek'});
    const material = chosen(all, flags);
    const [credentialId, importKekId] = [flags['credential-id'], flags['import-kek-id']];
    const ids = credentialId === undefined ? undefined : {credentialId, importKekId: importKekId!};
    const written = await withKekIfGiven(flags, (kek) => FILE_FORMATS[to].write(material, {kek, ids}));
    const bytes = typeof written === 'string' ? new TextEncoder().encode(written) : written;
    const json = this.jsonEnabled();
    await deliverStream([bytes], {output, force}, {what: 'what is converted', json, isRaw: false});
    const deks = material.deks.map((dek) => dek.name);
    this.note(`${from} to ${to}: ${[...(material.credential ? ['the credential'] : []), ...deks].join(', ')}`);
    return {from, to, credential: material.credential !== null, deks, output: output ?? null};
  }
}

/** Throws BAD_ARGUMENT for an option that the format `to` has no use for: it would seem to have been used. */
function assertFor(takers: readonly FileFormatName[], to: FileFormatName, option: string, isGiven: boolean): void {
  if (!isGiven || takers.includes(to)) return;
  throw new DekError('BAD_ARGUMENT', `${option} is for --to ${orList(takers)}`, {hint: `leave it out for --to ${to}`});
}

async function readMaterial(path: string, from: FileFormatName, options: ReadOptions): Promise<Material> {
  const bytes = from === 'manifest' ? new Uint8Array() : (await readSmallFile(path, MAX_BYTES)).bytes;
  try {
    return await FILE_FORMATS[from].read(bytes, options, path);
  } catch (error) {
    if (!(error instanceof DekError) || from === 'manifest') throw error;
    throw withMessage(error, `${path}, as ${from}: ${error.message}`);
  }
}

/** The credential alone, the DEKs that were named, or all. Throws NO_DEK for a name that is not there. */
function chosen(
  {credential, deks}: Material,
  {
    from,
    to,
    credential: isCredential,
    name,
  }: {
    from: FileFormatName;
    to: FileFormatName;
    credential: boolean;
    name: readonly string[];
  },
): Material {
  if (isCredential) {
    if (credential !== null) return {credential, deks: []};
    throw new DekError('BAD_INPUT', 'there is no credential in it', {hint: 'leave out --credential'});
  }
  // Where a file has no names, the name is what its DEK is to be called.
  if (name.length === 0 || !FILE_FORMATS[from].hasNames) return {credential, deks};
  const missing = name.find((wanted) => !deks.some((dek) => dek.name === wanted));
  if (missing !== undefined) throw new DekError('NO_DEK', `there is no DEK called ${JSON.stringify(missing)} in it`);
  // The tests of pyverbs log in.
  return {credential: to === 'pyverbs' ? credential : null, deks: deks.filter((dek) => name.includes(dek.name))};
}
