/** The rollback index: whether it can be read, is of this manifest, and not ahead of it. Reads, and enrolls nothing. */
import {equalBytes, toHex} from '../../../bytes.js';
import {DekError} from '../../../errors.js';
import {READ_LIMIT} from '../../../files/small-file.js';
import type {Offered} from '../../../manifest/acceptance/offer.js';
import {describeEntry, ENROLL, type Entry} from '../../../rollback-index/record.js';
import {agentWords} from '../../agent-words.js';
import {type Check, type Finding, found, well} from '../../check.js';
import {askedAsync} from '../../scene.js';

export const rollback: Check = {
  name: 'rollback',
  verdicts: {
    'index-unreadable': {
      level: 'fix',
      text: 'the rollback index of the agent cannot be read: it takes up no manifest',
      fix: 'see what the error says: the store has to be there, and the user of the agent has to be let in',
    },
    'index-empty': {
      level: 'fix',
      text: 'nothing is enrolled in the rollback index: the agent takes up no manifest',
      fix: `once on this host, with the manifest that is meant: ${ENROLL}`,
    },
    'index-other': {
      level: 'fix',
      text: 'the rollback index is of another manifest',
      fix: `if this one is meant: ${ENROLL} --force`,
    },
    'index-ahead': {
      level: 'fix',
      text: 'this host has accepted a later generation than the manifest has: it was rolled back',
      fix: 'fetch the latest manifest; if hosts are to go back, sign a release with a fallback: docs/signed.md',
    },
    'index-differs': {
      level: 'fix',
      text: 'this host has accepted another manifest of the same generation',
      fix: 'fetch it again; two manifests of one generation are two hands at work, or an attacker',
    },
  },
  async look(scene) {
    const spec = (await agentWords(scene))?.value('--rollback-index');
    if (spec === undefined) return [];
    const entry = await askedAsync(async () => {
      const {RollbackIndex} = await import('../../../rollback-index/rollback-index.js');
      const {openStore} = await import('../../../rollback-index/table.js');
      return new RollbackIndex(await openStore(spec)).read(READ_LIMIT);
    });
    const of = spec.split('?')[0]!; // what is behind it names a source of a key
    if (entry instanceof DekError) return [found('index-unreadable', entry.message, of)];
    if (entry === null) return [found('index-empty', 'it is there, and empty', of)];
    const offered = await scene.manifest();
    if (offered === undefined || offered instanceof DekError) return [well(describeEntry(entry), of)];
    return [compared(entry, offered, of)];
  },
};

function compared(entry: Entry, {header: {edition}, digests}: Offered, of: string): Finding {
  const accepted = describeEntry(entry);
  if (edition === null || edition === undefined)
    return found('index-other', `${accepted}; the manifest is of version 1`, of);
  const {id, generation} = edition;
  const seen = `${accepted}; the manifest has generation ${generation}`;
  if (!equalBytes(id, entry.id)) return found('index-other', `${seen} of ${toHex(id)}`, of);
  if (generation < entry.generation) return found('index-ahead', seen, of);
  const isSame = equalBytes(entry.digest, digests.sha256);
  return generation === entry.generation && !isSame ? found('index-differs', seen, of) : well(seen, of);
}
