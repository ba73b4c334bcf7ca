import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {staticHostName} from '../../agent/gate/host-name.js';
import {toHex} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {ALLOWED_SIGNERS, thresholdFlag} from '../../cli/manifest/signatures.js';
import {READ_LIMIT} from '../../files/small-file.js';
import {acceptManifest} from '../../manifest/acceptance/accept.js';
import {readOffered} from '../../manifest/acceptance/offer.js';
import {readProof, readTrust} from '../../manifest/acceptance/signed-files.js';
import {chunksOf} from '../../manifest/read.js';
import {describeEntry} from '../../rollback-index/record.js';
import {RollbackIndex} from '../../rollback-index/rollback-index.js';
import {openStore, STORE_FORMS} from '../../rollback-index/table.js';

interface RollbackIndexEnrollResult {
  /** Where it is kept. */
  index: string;
  /** The set of DEKs, in hex. */
  id: string;
  generation: number;
  /** SHA-256 of the manifest in hex. */
  digest: string;
}

export default class RollbackIndexEnroll extends DekCommand {
  static override summary = 'enroll the manifest that a host starts from';
  static override description =
    'An index that is empty tells nothing: an agent that took any manifest then would take that of an attacker who ' +
    'has emptied it. So a person enrolls, once and on the host, the manifest that it has. It has to be signed and ' +
    'meant for this host, as for an agent. From then on the agent moves the index with each generation that it ' +
    'applies. In a TPM, the NV index is made if it is not there. Another manifest, or an older generation than the ' +
    'index holds, is refused without --force.';
  static override usage =
    'SOURCE MANIFEST --allowed-signers FILE [--threshold N] [--release FILE] [--host NAME] [--force] [--json]';
  static override examples = [
    'dek rollback-index enroll tpm:0x1800020 /etc/dek/manifest --allowed-signers /etc/dek/allowed_signers',
  ];
  static override args = {
    source: Args.string({required: true, ignoreStdin: true, description: `where the index is: ${STORE_FORMS}`}),
    manifest: Args.string({required: true, ignoreStdin: true, description: 'manifest that this host has now'}),
  };
  static override flags = {
    'allowed-signers': Flags.string({
      required: true,
      helpValue: 'FILE',
      description: `who may sign: a file ${ALLOWED_SIGNERS}`,
    }),
    threshold: thresholdFlag,
    release: Flags.string({helpValue: 'FILE', description: 'signed release that lists the manifest'}),
    host: Flags.string({helpValue: 'NAME', description: 'name of this host (default: its static host name)'}),
    force: Flags.boolean({description: 'replace another manifest, or a later generation'}),
  };

  async run(): Promise<RollbackIndexEnrollResult> {
    const {args, flags} = await this.parse(RollbackIndexEnroll);
    const index = new RollbackIndex(await openStore(args.source));
    const trust = await readTrust(flags['allowed-signers'], flags.threshold, {isStrict: true});
    const offered = await readOffered(chunksOf(args.manifest));
    const proof = await readProof(args.manifest, flags.release);
    const terms = {trust, host: flags.host ?? staticHostName(), known: null, now: new Date()};
    const {id, generation, digest} = acceptManifest(offered, proof, terms);
    const entry = {id: id!, generation: generation!, digest};
    await index.enroll(entry, flags.force, READ_LIMIT);
    this.note(`enrolled ${describeEntry(entry)}: ${index.name}`);
    return {index: index.name, id: toHex(entry.id), generation: entry.generation, digest: toHex(digest)};
  }
}
