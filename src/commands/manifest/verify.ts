import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {toHex} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {describeEdition, type EditionJson, editionJson} from '../../cli/manifest/edition.js';
import {ALLOWED_SIGNERS, describeSigner, thresholdFlag} from '../../cli/manifest/signatures.js';
import {countManifests} from '../../cli/output/phrases.js';
import {DekError} from '../../errors.js';
import {acceptManifest} from '../../manifest/acceptance/accept.js';
import {readSignable, type Signable} from '../../manifest/acceptance/signable.js';
import {readProof, readSignatures, readTrust, signaturePath} from '../../manifest/acceptance/signed-files.js';
import {chunksOf} from '../../manifest/read.js';
import {type Signer, verifySignatures} from '../../manifest/signature/verify.js';

interface ManifestVerifyResult {
  kind: Signable['kind'];
  /** Of a manifest. */
  edition: EditionJson | null;
  /** Of a release: how many manifests it lists. */
  manifests: number | null;
  /** SHA-256 of the file in hex. */
  digest: string;
  signers: readonly Signer[];
}

export default class ManifestVerify extends DekCommand {
  static override summary = 'verify who has signed a manifest or a release';
  static override description =
    'Reads the whole FILE and its signatures, FILE.sig, and tells which of the allowed signers have signed it. ' +
    'With --release, the signatures are those of a release, RELEASE.sig, which has to list the manifest as it is. ' +
    'With --host, the manifest has to be meant for that host. Exits with 6 if it is not signed, by too few, or the ' +
    'signature is of something else, and with 8 if it is for another host, not in the release, or may not be taken ' +
    'up any more. Which generation a host has accepted before, and so whether this one is older, only the host can ' +
    'tell: dek rollback-index show.';
  static override usage = 'FILE --allowed-signers FILE [--threshold N] [--release FILE] [--host NAME] [--json]';
  static override examples = [
    'dek manifest verify fleet.manifest --allowed-signers allowed_signers',
    'dek manifest verify fleet.manifest --allowed-signers allowed_signers --threshold 2 --host node-1',
    'dek manifest verify node-1.manifest --release fleet.release --allowed-signers allowed_signers',
  ];
  static override args = {
    file: Args.string({required: true, ignoreStdin: true, description: 'manifest, or release'}),
  };
  static override flags = {
    'allowed-signers': Flags.string({
      required: true,
      helpValue: 'FILE',
      description: `who may sign: a file ${ALLOWED_SIGNERS}`,
    }),
    threshold: thresholdFlag,
    release: Flags.string({helpValue: 'FILE', description: 'release that lists the manifest'}),
    host: Flags.string({helpValue: 'NAME', description: 'host that the manifest has to be for (default: any)'}),
  };

  async run(): Promise<ManifestVerifyResult> {
    const {args, flags} = await this.parse(ManifestVerify);
    const trust = await readTrust(flags['allowed-signers'], flags.threshold);
    const signable = await readSignable(chunksOf(args.file));
    const {kind, digests} = signable;
    const digest = toHex(digests.sha256);
    if (kind === 'release') {
      if (flags.release !== undefined || flags.host !== undefined) {
        throw new DekError('BAD_ARGUMENT', `${args.file} is a release: --release and --host are for a manifest`, {
          hint: 'leave them out, or name a MANIFEST',
        });
      }
      const signatures = await readSignatures(signaturePath(args.file));
      const signers = verifySignatures(signatures, 'dek-release', digests, trust, Date.now());
      const manifests = signable.release.manifests.length;
      this.#report(signers, `a release of ${countManifests(manifests)}, issued ${signable.release.issued}`);
      return {kind, edition: null, manifests, digest, signers};
    }
    const terms = {trust, host: flags.host ?? null, known: null, now: new Date()};
    const {signers} = acceptManifest(signable.offered, await readProof(args.file, flags.release), terms);
    const edition = editionJson(signable.offered.header.edition!);
    this.#report(signers, describeEdition(edition));
    return {kind, edition, manifests: null, digest, signers};
  }

  #report(signers: readonly Signer[], what: string): void {
    for (const signer of signers) this.log(describeSigner(signer));
    this.log(`ok: ${what}`);
  }
}
