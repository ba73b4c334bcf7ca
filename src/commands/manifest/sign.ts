import type {Stats} from 'node:fs';
import fs from 'node:fs/promises';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {hasJournal, writeAudit} from '../../audit/journal.js';
import {toHex} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {describeEdition, type EditionJson, editionJson} from '../../cli/manifest/edition.js';
import {replaceManifest} from '../../cli/manifest/replace-manifest.js';
import {KEY_FORMS, openSigningKey} from '../../cli/manifest/signing-key.js';
import {countManifests} from '../../cli/output/phrases.js';
import {DekError} from '../../errors.js';
import {lockFile} from '../../files/lock.js';
import {stampOf} from '../../files/stat.js';
import {systemError} from '../../files/system-error.js';
import {writeWholeFile} from '../../files/whole-file.js';
import {readSignable, type Signable} from '../../manifest/acceptance/signable.js';
import {readSignatures, signaturePath} from '../../manifest/acceptance/signed-files.js';
import {chunksOf} from '../../manifest/read.js';
import type {Digests} from '../../manifest/signature/digests.js';
import {addSignature, makeSignature} from '../../manifest/signature/sign.js';
import type {Signature} from '../../manifest/signature/sshsig.js';

interface ManifestSignResult {
  kind: Signable['kind'];
  /** Of a manifest. */
  edition: EditionJson | null;
  /** Of a release: how many manifests it lists. */
  manifests: number | null;
  /** SHA-256 of the file in hex. */
  digest: string;
  /** `SHA256:...`, of the key that has signed it. */
  fingerprint: string;
  keyType: string;
  /** How many signatures the file has now. */
  signatures: number;
  /** The file of signatures. */
  output: string;
}

export default class ManifestSign extends DekCommand {
  static override summary = 'sign a manifest or a release';
  static override description =
    'The signature is one of OpenSSH (SSHSIG, as ssh-keygen -Y sign makes it, in the namespace dek-manifest or ' +
    'dek-release) and goes into FILE.sig, beside those of others who have signed the same content; a signature of ' +
    'an earlier content is dropped. Hosts that were started with --allowed-signers apply nothing else. With ' +
    'ssh-agent the key may be in hardware, a FIDO key as well; if the agent has several keys, name one by its ' +
    'fingerprint. A key in a file must have no passphrase: one that has signs through ssh-agent.';
  static override usage = 'FILE --key SOURCE [--json]';
  static override examples = [
    'dek manifest sign fleet.manifest --key ssh-agent',
    'dek manifest sign fleet.release --key ssh-agent:SHA256:mVPwvezndPv/ARoIadVY98vAC0g+P/5633yTC4d/wXE',
    'dek manifest sign fleet.manifest --key file:release-key',
  ];
  static override args = {
    file: Args.string({required: true, ignoreStdin: true, description: 'manifest, or release'}),
  };
  static override flags = {
    key: Flags.string({
      required: true,
      helpValue: 'SOURCE',
      description: `private key of OpenSSH to sign with: ${KEY_FORMS}`,
    }),
  };

  async run(): Promise<ManifestSignResult> {
    const {args, flags} = await this.parse(ManifestSign);
    const {file} = args;
    const output = signaturePath(file);
    const was = stampOf(await statOf(file));
    const signable = await readSignable(chunksOf(file));
    assertHasGeneration(signable, file);
    await readSignatures(output); // what is wrong with them is told before a key has to be touched
    const key = await openSigningKey(flags.key, (text) => this.note(text));
    const {kind, digests} = signable;
    const signature = await makeSignature(key, kind === 'manifest' ? 'dek-manifest' : 'dek-release', digests);
    const {kept, dropped} = await putSignature(signature, {file, output, was, digests});
    const {fingerprint, type: keyType} = key.publicKey;
    const edition = kind === 'manifest' ? editionJson(signable.offered.header.edition!) : null;
    const manifests = kind === 'release' ? signable.release.manifests.length : null;
    const what = edition ? describeEdition(edition) : `a release of ${countManifests(manifests!)}`;
    this.note(`signed ${what} with ${fingerprint}: ${output}`);
    if (dropped > 0) this.note(`dropped ${dropped} of an earlier content: have it signed again`);
    await audit(signable, fingerprint);
    const digest = toHex(digests.sha256);
    return {kind, edition, manifests, digest, fingerprint, keyType, signatures: kept + 1, output};
  }
}

/** A host counts generations: what has none can be put back at any time. */
function assertHasGeneration(signable: Signable, file: string): void {
  if (signable.kind === 'release' || signable.offered.header.edition) return;
  throw new DekError('BAD_ARGUMENT', `${file} is of version 1, which has no generation to sign`, {
    hint: `dek manifest upgrade ${file} --kek SOURCE`,
  });
}

/** In the journal, where there is one; a workstation may have none. */
async function audit(signable: Signable, detail: string): Promise<void> {
  if (!hasJournal()) return;
  const {id, generation} = signable.kind === 'manifest' ? signable.offered.header.edition! : {};
  const who = {uid: process.getuid?.() ?? 0, pid: process.pid};
  const facts = {manifest: id && toHex(id), generation, digest: toHex(signable.digests.sha256)};
  await writeAudit({kind: 'sign', result: 'ok', ...who, deks: [], ...facts, detail});
}

/** Adds it to those that are there by now: another may have signed meanwhile, and may be about to. */
async function putSignature(
  signature: Signature,
  {file, output, was, digests}: {file: string; output: string; was: string; digests: Digests},
): Promise<{kept: number; dropped: number}> {
  const release = await lockFile(file);
  try {
    if (stampOf(await statOf(file)) !== was)
      throw new DekError('BUSY', `${file} was changed meanwhile`, {hint: 'try again'});
    const before = await readSignatures(output);
    const added = addSignature(before, signature, digests);
    await writeSignatures(file, output, Buffer.from(added.text), before !== null);
    return added;
  } finally {
    release();
  }
}

function statOf(file: string): Promise<Stats> {
  return fs.stat(file).catch((error: unknown) => {
    throw systemError('read', file, error);
  });
}

/** Readable by whoever can read the manifest. */
async function writeSignatures(file: string, output: string, text: Uint8Array, isThere: boolean): Promise<void> {
  if (isThere) return replaceManifest(output, once(text));
  await writeWholeFile(output, [text], {like: await statOf(file)});
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes;
}
