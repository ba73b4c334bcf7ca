import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {hideKey} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {idFlag} from '../../cli/flags/flags.js';
import {hexFlag} from '../../cli/flags/hex-flag.js';
import {describeEdition, type EditionJson, editionJson} from '../../cli/manifest/edition.js';
import {withCrew} from '../../cli/manifest/many-deks.js';
import {changedManifestFlags, deliverManifest} from '../../cli/manifest/replace-manifest.js';
import {countDeks} from '../../cli/output/phrases.js';
import {readCiphertext} from '../../custody/source.js';
import {SOURCE_FORMS} from '../../custody/sources/table.js';
import {KCV_BYTES, WRAPPED_CREDENTIAL_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {type Edition, HOST_FORM, isHost, isInstant, type NextLogin} from '../../manifest/fields/edition.js';
import type {ManifestHeader} from '../../manifest/fields/header.js';

interface ManifestSetResult {
  /** How many are in the new manifest. */
  deks: number;
  /** null in a manifest of version 1. */
  edition: EditionJson | null;
  /** The file that holds the new manifest. */
  output: string;
}

/** What a header of version 2 gets. */
type NewMembers = Partial<Pick<Edition, 'hosts' | 'notAfter' | 'nextLogin'>>;

interface SetFlags {
  host?: string[] | undefined;
  'any-host': boolean;
  'not-after'?: string | undefined;
  'no-not-after': boolean;
  'next-login'?: string | undefined;
  'import-kek-id'?: number | undefined;
  'credential-id'?: number | undefined;
  kcv?: Uint8Array | undefined;
  'no-next-login': boolean;
}

const ofNextLogin = {dependsOn: ['next-login']};

export default class ManifestSet extends DekCommand {
  static override summary = 'change the header of a manifest, or take DEKs out of it';
  static override description =
    'Writes the next generation of the manifest in its place; no key is needed. --host says which hosts it is for, ' +
    'in place of those that it named; --not-after until when hosts may take it up; --next-login what the login ' +
    'under the next import KEK will be, so that hosts can try it before a KEK is replaced, and dek rewrap can put ' +
    'it in force. A DEK that is taken out is destroyed on a host that applies the manifest, and its data can no ' +
    'longer be read there.';
  static override usage =
    'FILE [--host NAME... | --any-host] [--not-after DATE | --no-not-after] ' +
    '[--next-login FILE --import-kek-id ID --credential-id ID [--kcv KCV]] [--no-next-login] [--remove NAME...] ' +
    '[--output FILE [--force]] [--json]';
  static override examples = [
    'dek manifest set fleet.manifest --host node-1 --host node-2 --not-after 2027-06-30',
    'dek manifest set fleet.manifest --next-login next.wrapped --import-kek-id 0x21 --credential-id 0x10 ' +
      '--kcv 5f1c0a9e27',
    'dek manifest set fleet.manifest --remove vol-7',
  ];
  static override args = {
    file: Args.string({required: true, ignoreStdin: true, description: 'manifest to change'}),
  };
  static override flags = {
    host: Flags.string({
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
      description: 'host that the manifest is for; may be given more than once',
      exclusive: ['any-host'],
    }),
    'any-host': Flags.boolean({description: 'make the manifest for any host'}),
    'not-after': Flags.string({
      helpValue: 'DATE',
      description: 'last day (UTC), or time, on which a host may take it up: 2027-06-30, 2027-06-30T12:00:00Z',
      exclusive: ['no-not-after'],
    }),
    'no-not-after': Flags.boolean({description: 'let hosts take it up at any time'}),
    'next-login': Flags.string({
      helpValue: 'FILE',
      description: `credential (48 bytes) wrapped under the next import KEK: a path, ${SOURCE_FORMS}`,
      dependsOn: ['import-kek-id', 'credential-id'],
      exclusive: ['no-next-login'],
    }),
    'import-kek-id': idFlag({...ofNextLogin, description: 'id of the next import KEK on the NIC'}),
    'credential-id': idFlag({...ofNextLogin, description: 'id on the NIC of the credential of --next-login'}),
    kcv: hexFlag(KCV_BYTES, {
      ...ofNextLogin,
      helpValue: 'KCV',
      description: 'key check value of the next import KEK, 10 hex digits, which a fleet needs',
    }),
    'no-next-login': Flags.boolean({description: 'remove the next login'}),
    remove: Flags.string({
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
      description: 'take this DEK out; may be given more than once',
    }),
    ...changedManifestFlags,
  };

  async run(): Promise<ManifestSetResult> {
    const {args, flags} = await this.parse(ManifestSet);
    const {file} = args;
    const members = await newMembers(flags);
    const {remove = [], output = file} = flags;
    if (Object.keys(members).length === 0 && remove.length === 0) {
      throw new DekError('BAD_ARGUMENT', 'say what to change', {
        hint: '--host NAME, --not-after DATE, --next-login FILE or --remove NAME',
      });
    }
    let fresh: ManifestHeader | undefined;
    const header = (next: ManifestHeader): ManifestHeader => {
      fresh = withMembers(next, members, file);
      return fresh;
    };
    const deks = await withCrew([], !this.jsonEnabled(), async (crew, count) => {
      const {editManifest} = await import('../../bulk/index.js');
      await deliverManifest(file, editManifest(crew, file, {header, remove}, count('written')), flags);
    });
    const edition = fresh?.edition ? editionJson(fresh.edition) : null;
    this.note(`wrote ${countDeks(deks)}${edition ? `, ${describeEdition(edition)}` : ''}: ${output}`);
    return {deks, edition, output};
  }
}

async function newMembers(flags: SetFlags): Promise<NewMembers> {
  const {host, 'not-after': date} = flags;
  if (host) assertHosts(host);
  return {
    ...(host ? {hosts: host} : {}),
    ...(flags['any-host'] ? {hosts: []} : {}),
    ...(date === undefined ? {} : {notAfter: instantOf(date)}),
    ...(flags['no-not-after'] ? {notAfter: null} : {}),
    ...(flags['next-login'] === undefined ? {} : {nextLogin: await nextLoginOf(flags['next-login'], flags)}),
    ...(flags['no-next-login'] ? {nextLogin: null} : {}),
  };
}

function withMembers(header: ManifestHeader, members: NewMembers, file: string): ManifestHeader {
  if (header.edition) return {...header, edition: {...header.edition, ...members}};
  if (Object.keys(members).length === 0) return header;
  throw new DekError('BAD_ARGUMENT', `${file} is of version 1, whose header has no hosts, no end and no next login`, {
    hint: `dek manifest upgrade ${file} --kek SOURCE`,
  });
}

function assertHosts(hosts: readonly string[]): void {
  const bad = hosts.find((host) => !isHost(host));
  if (bad !== undefined) {
    throw new DekError('BAD_ARGUMENT', `--host expected the name of a host, got "${hideKey(bad)}"`, {hint: HOST_FORM});
  }
  if (new Set(hosts).size < hosts.length)
    throw new DekError('BAD_ARGUMENT', '--host names a host twice', {hint: 'name each host once'});
}

/** An instant as it is, and a day as its last second. Throws BAD_ARGUMENT. */
function instantOf(date: string): string {
  if (isInstant(date)) return date;
  const end = `${date}T23:59:59Z`;
  if (isInstant(end)) return end;
  throw new DekError('BAD_ARGUMENT', `--not-after expected a date, got "${hideKey(date)}"`, {
    hint: 'write it as RFC 3339 has it: 2027-06-30 or 2027-06-30T12:00:00Z',
  });
}

async function nextLoginOf(file: string, flags: SetFlags): Promise<NextLogin> {
  const credential = await readCiphertext(file, [WRAPPED_CREDENTIAL_BYTES], 'wrapped credential');
  const {'import-kek-id': importKekId, 'credential-id': credentialId, kcv = null} = flags;
  return {importKekId: importKekId!, importKekKcv: kcv, credentialId: credentialId!, credential};
}
