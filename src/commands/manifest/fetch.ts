import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {DekCommand} from '../../cli/base.js';
import {idFlag} from '../../cli/flags/flags.js';
import {hexFlag} from '../../cli/flags/hex-flag.js';
import {describeEdition, type EditionJson, editionJson} from '../../cli/manifest/edition.js';
import {type FetchedManifest, fetchedManifest, readKnown} from '../../cli/manifest/fetched-manifest.js';
import {replaceManifest} from '../../cli/manifest/replace-manifest.js';
import {deliverStream, outputPath} from '../../cli/output/output.js';
import {countDeks} from '../../cli/output/phrases.js';
import {Progress} from '../../cli/output/progress.js';
import {readCiphertext, readPublicText, readSecretText} from '../../custody/source.js';
import {SOURCE_FORMS} from '../../custody/sources/table.js';
import {assertDistinctStreams} from '../../custody/spec.js';
import {openServers} from '../../custody/wrappers/kmip.js';
import {KCV_BYTES, WRAPPED_CREDENTIAL_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {matcherOf} from '../../glob.js';
import {fetchKeys, type KeyChoice, type WrappedKey} from '../../kmip/keys.js';
import {writeManifest} from '../../manifest/write.js';

interface ManifestFetchResult {
  deks: number;
  /** Whether the manifest has changed: else it is left as it is. */
  changed: boolean;
  added: readonly string[];
  removed: readonly string[];
  /** Those that have become other keys. */
  replaced: readonly string[];
  edition: EditionJson;
  /** null: stdout. */
  output: string | null;
}

export default class ManifestFetch extends DekCommand {
  static override summary = 'make a manifest of the keys at a KMIP server';
  static override description =
    'The server wraps each key under its own key ID, which is the import KEK of the NIC: this host sees ciphertext ' +
    'only. The keys are those whose names fit --name, or that are in a group; each becomes the DEK of that name. ' +
    'Several servers are tried one after the other, and each from the start. A manifest that is there becomes its ' +
    'next generation, with the hosts and the date that it has. It stays as it is when nothing has changed, when no ' +
    'server answers, and when one answers wrongly. That a key has become another, or is gone, is refused unless it ' +
    'is meant. Nobody here has seen the keys: the manifest has no check values (DCV) of new ones, and no keytags.';
  static override usage =
    'URI --import-kek-id ID --credential-id ID --credential FILE [--kcv KCV] [--name GLOB | --group NAME] ' +
    '[--device NAME,...] [--replace-key NAME...] [--prune] [--output FILE] [--json]';
  static override examples = [
    "dek manifest fetch 'kmip://kmip-1,kmip-2/7f3a?cert=kmip.crt&key=cred:kmip-key&ca=ca.crt' --name 'vol-*' " +
      '--import-kek-id 0x20 --credential-id 0x10 --credential credential.wrapped --output /etc/dek/manifest',
  ];
  static override args = {
    uri: Args.string({
      required: true,
      ignoreStdin: true,
      description: 'servers, and the ID of the import KEK there: kmip://HOST[,HOST]/ID?cert=SOURCE&key=SOURCE&ca=FILE',
    }),
  };
  static override flags = {
    name: Flags.string({
      helpValue: 'GLOB',
      description: "only keys whose names match, such as 'vol-*' (default: all but the KEK)",
      exclusive: ['group'],
    }),
    group: Flags.string({helpValue: 'NAME', description: 'only keys in this Object Group of KMIP'}),
    'import-kek-id': idFlag({required: true, description: 'id of the import KEK on the NIC'}),
    'credential-id': idFlag({required: true, description: 'id of the credential on the NIC'}),
    credential: Flags.string({
      helpValue: 'FILE',
      required: true,
      description: `wrapped credential (48 bytes): a path, ${SOURCE_FORMS}`,
    }),
    kcv: hexFlag(KCV_BYTES, {
      helpValue: 'KCV',
      description: 'key check value of the import KEK, 10 hex digits, if it is known',
    }),
    device: Flags.string({helpValue: 'NAME,...', description: 'NICs that are to hold the DEKs (default: any)'}),
    'replace-key': Flags.string({
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
      default: [],
      description: 'let this DEK become another key than it was; may be given more than once',
    }),
    prune: Flags.boolean({description: 'take out of the manifest the DEKs whose keys are gone from the server'}),
    output: Flags.string({
      char: 'o',
      helpValue: 'FILE',
      description: 'write to this manifest: a new one (mode 0600), or the next generation of one that is there',
      parse: async (path) => outputPath(path, 'leave out --output to write to stdout'),
    }),
  };

  async run(): Promise<ManifestFetchResult> {
    const {args, flags} = await this.parse(ManifestFetch);
    const {output, device, kcv, name = '*', group, prune} = flags;
    const rest = restOf(args.uri);
    assertDistinctStreams(args.uri, flags.credential);
    // All that can be wrong here is found before a server is asked.
    const known = output === undefined ? undefined : await readKnown(output);
    const login = {
      importKekId: flags['import-kek-id'],
      credentialId: flags['credential-id'],
      credential: await readCiphertext(flags.credential, [WRAPPED_CREDENTIAL_BYTES], 'wrapped credential'),
    };
    const keys = await this.#fetch(rest, {group, isWanted: matcherOf(name)});
    const header = {devices: device === undefined ? [] : device.split(','), importKekKcv: kcv ?? null, login};
    const changes = {path: output ?? 'the manifest', replaceKeys: flags['replace-key'], prune};
    const fetched = fetchedManifest(header, keys, known, changes);
    if (fetched.isNew) await this.#write(fetched, output, known !== undefined);
    const {deks, added, removed, replaced} = fetched;
    const edition = editionJson(fetched.isNew ? fetched.header.edition! : known!.header.edition!);
    const what = fetched.isNew ? 'fetched' : 'nothing has changed:';
    this.note(`${what} ${countDeks(deks.length)}: ${describeEdition(edition)}${output ? `: ${output}` : ''}`);
    return {deks: deks.length, changed: fetched.isNew, added, removed, replaced, edition, output: output ?? null};
  }

  async #fetch(rest: string, choice: KeyChoice): Promise<WrappedKey[]> {
    const readers = {readSecret: readSecretText, readPublic: readPublicText};
    const {
      uri: {id},
      servers,
    } = await openServers(rest, {title: 'uri', ...readers});
    const progress = new Progress(!this.jsonEnabled());
    try {
      return await servers.use((client) =>
        fetchKeys(client, id, choice, (count, total) => progress.update('fetched', count, total)),
      );
    } finally {
      progress.end();
    }
  }

  async #write({header, deks}: FetchedManifest, output: string | undefined, isThere: boolean): Promise<void> {
    const chunks = writeManifest(header, deks);
    if (output !== undefined && isThere) await replaceManifest(output, chunks);
    else {
      const what = {what: 'a manifest', json: this.jsonEnabled(), isRaw: false};
      await deliverStream(chunks, {output, force: false}, what);
    }
  }
}

function restOf(uri: string): string {
  if (uri.startsWith('kmip:')) return uri.slice('kmip:'.length);
  throw new DekError('BAD_ARGUMENT', 'URI expected kmip://HOST[,HOST]/ID?cert=SOURCE&key=SOURCE&ca=FILE');
}
