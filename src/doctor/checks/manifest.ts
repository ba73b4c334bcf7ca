/** The manifest: whether it reads, is for this host and in time, signed, and the one that the agent has applied. */
import fs from 'node:fs';
import {hostname} from 'node:os';
import {toHex} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {statNow} from '../../files/stat.js';
import type {ManifestHeader} from '../../manifest/index.js';
import {type Check, type Finding, found, well} from '../check.js';
import {askedAsync, type Scene} from '../scene.js';

export const manifest: Check = {
  name: 'manifest',
  verdicts: {
    'manifest-unreadable': {
      level: 'fix',
      text: 'the manifest cannot be read',
      fix: 'dek manifest check names the line; fetch a whole copy of it',
    },
    'manifest-not-for-host': {
      level: 'fix',
      text: 'the manifest is not for this host',
      fix: 'fetch the one of this host; dek manifest set --host names hosts',
    },
    'manifest-expired': {
      level: 'fix',
      text: 'the manifest has expired: no host takes it up any more as something new',
      fix: 'ask for the next generation; a host that has it already still starts from it',
    },
    'manifest-unsigned': {
      level: 'fix',
      text: 'the manifest is not signed as it has to be',
      fix: 'dek manifest verify says by whom it is signed; fetch it again together with its signatures',
    },
    'manifest-not-applied': {
      level: 'fix',
      text: 'the manifest on disk is not the one that the agent has applied',
      fix: 'dek apply --reload',
    },
    'manifest-world-writable': {
      level: 'fix',
      text: 'every user of this host may write the manifest',
      fix: 'chmod go-w it: whoever writes it decides which DEKs there are',
    },
    'manifest-no-login': {
      level: 'note',
      text: 'the manifest has no login: it is for NICs in plaintext import mode, or dek login comes first',
      fix: 'dek keygen --credential writes the login into a manifest',
    },
    'manifest-v1': {
      level: 'note',
      text: 'the manifest is of version 1: it has no generation, no end and no check values',
      fix: 'dek manifest upgrade makes version 2 of it',
    },
  },
  async look(scene) {
    const path = await scene.manifestPath();
    const header = await scene.header();
    if (path === undefined || header === undefined) return [];
    if (header instanceof DekError) return [found('manifest-unreadable', header.message, path)];
    return [await verdictOn(scene, path, header)];
  },
};

const OTHERS_MAY_WRITE = 0o002;

async function verdictOn(scene: Scene, path: string, header: ManifestHeader): Promise<Finding> {
  const {edition, importKekKcv, login} = header;
  const kcv = importKekKcv === null ? 'a KEK without KCV' : `the KEK with KCV ${toHex(importKekKcv)}`;
  const seen = `${edition ? `generation ${edition.generation}` : 'version 1'}, wrapped under ${kcv}`;
  const mode = Number(statNow(path)?.mode ?? 0);
  if ((mode & OTHERS_MAY_WRITE) !== 0) return found('manifest-world-writable', seen, path);
  const unsigned = await signatureFault(scene, path);
  if (unsigned !== undefined) return found('manifest-unsigned', unsigned, path);
  if (edition && edition.hosts.length > 0 && !edition.hosts.includes(hostname())) {
    return found('manifest-not-for-host', `for ${edition.hosts.join(', ')}; this is ${hostname()}`, path);
  }
  if (edition?.notAfter && Date.parse(edition.notAfter) < Date.now()) {
    return found('manifest-expired', `not after ${edition.notAfter}`, path);
  }
  const status = await scene.agent();
  if (!(status instanceof DekError) && status.manifest?.path === path) {
    if ((await digestOf(path)) !== status.manifest.digest) {
      return found('manifest-not-applied', `applied at ${status.manifest.appliedAt}`, path);
    }
  }
  if (login === null) return found('manifest-no-login', seen, path);
  return edition ? well(seen, path) : found('manifest-v1', seen, path);
}

async function digestOf(path: string): Promise<string> {
  const {createHash} = await import('node:crypto');
  const hash = createHash('sha256');
  for await (const chunk of fs.createReadStream(path)) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** Why the manifest is not authentic, where it is known who may sign; else undefined. */
async function signatureFault({options}: Scene, path: string): Promise<string | undefined> {
  const {allowedSigners} = options;
  if (allowedSigners === undefined) return undefined;
  const [
    {readIfThere, readSmallFile},
    signers,
    {MAX_SIGNATURES_BYTES},
    {verifySignatures},
    {readSignable},
    {chunksOf},
  ] = await Promise.all([
    import('../../files/small-file.js'),
    import('../../manifest/signature/allowed-signers.js'),
    import('../../manifest/signature/sshsig.js'),
    import('../../manifest/signature/verify.js'),
    import('../../manifest/acceptance/signable.js'),
    import('../../manifest/read.js'),
  ]);
  const fault = await askedAsync(async () => {
    const {bytes} = await readSmallFile(allowedSigners, signers.MAX_SIGNERS_BYTES);
    const trust = {signers: signers.parseAllowedSigners(bytes), threshold: 1};
    const {digests} = await readSignable(chunksOf(path));
    const signature = (await readIfThere(`${path}.sig`, MAX_SIGNATURES_BYTES))?.bytes ?? null;
    verifySignatures(signature, 'dek-manifest', digests, trust, Date.now());
  });
  return fault instanceof DekError ? fault.message : undefined;
}
