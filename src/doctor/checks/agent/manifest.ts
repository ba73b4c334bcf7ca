/**
 * The manifest: whether it reads, the one that the agent has applied, and whether a host would take it up, which is
 * asked as the agent asks it: signed, or in a release, for this host and in time.
 */
import {staticHostName} from '../../../agent/gate/host-name.js';
import {toHex} from '../../../bytes.js';
import {DekError} from '../../../errors.js';
import {statNow} from '../../../files/stat.js';
import type {Offered} from '../../../manifest/acceptance/offer.js';
import {gateOf} from '../../agent-words.js';
import {type Check, type Finding, found, well} from '../../check.js';
import {askedAsync, type Scene} from '../../scene.js';

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
    'manifest-clock': {
      level: 'fix',
      text: 'the clock of this host is before the manifest was written: its end cannot be told',
      fix: 'set the clock (timedatectl), and see that it is set at each start',
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
    const offered = await scene.manifest();
    if (path === undefined || offered === undefined) return [];
    if (offered instanceof DekError) return [found('manifest-unreadable', offered.message, path)];
    return [await verdictOn(scene, path, offered)];
  },
};

const OTHERS_MAY_WRITE = 0o002;

/** What a refusal to take a manifest up means; any other: it is not signed as it has to be. */
const REFUSED: Readonly<Record<string, string>> = {
  WRONG_HOST: 'manifest-not-for-host',
  EXPIRED: 'manifest-expired',
  CLOCK_NOT_SET: 'manifest-clock',
};

async function verdictOn(scene: Scene, path: string, offered: Offered): Promise<Finding> {
  const {edition, importKekKcv, login} = offered.header;
  const kcv = importKekKcv === null ? 'a KEK without KCV' : `the KEK with KCV ${toHex(importKekKcv)}`;
  const seen = `${edition ? `generation ${edition.generation}` : 'version 1'}, wrapped under ${kcv}`;
  const mode = Number(statNow(path)?.mode ?? 0);
  if ((mode & OTHERS_MAY_WRITE) !== 0) return found('manifest-world-writable', seen, path);
  const refusal = await refusalOf(scene, path, offered);
  if (refusal) return found(REFUSED[refusal.code] ?? 'manifest-unsigned', refusal.message, path);
  const status = await scene.agent();
  const applied = status instanceof DekError ? null : status.manifest;
  if (applied?.path === path && applied.digest !== toHex(offered.digests.sha256)) {
    return found('manifest-not-applied', `applied at ${applied.appliedAt}`, path);
  }
  if (login === null) return found('manifest-no-login', seen, path);
  return edition ? well(seen, path) : found('manifest-v1', seen, path);
}

/** Why a host that does not have the manifest yet would not take it up. */
async function refusalOf(scene: Scene, path: string, offered: Offered): Promise<DekError | undefined> {
  const [{acceptManifest}, {readProof, readTrust}] = await Promise.all([
    import('../../../manifest/acceptance/accept.js'),
    import('../../../manifest/acceptance/signed-files.js'),
  ]);
  const {allowedSigners, threshold, release, host: named} = await gateOf(scene);
  const accepted = await askedAsync(async () => {
    const trust = allowedSigners === undefined ? null : await readTrust(allowedSigners, threshold, {isStrict: true});
    const proof = trust ? await readProof(path, release) : {signature: null};
    const host = named ?? staticHostName(scene.path('/etc/hostname'));
    return acceptManifest(offered, proof, {trust, host, known: null, now: new Date()});
  });
  return accepted instanceof DekError ? accepted : undefined;
}
