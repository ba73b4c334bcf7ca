/** The source of the import KEK: whether it is needed, and answers, and whether the KEK is that of the manifest. */
import {equalBytes, toHex} from '../../../bytes.js';
import {DekError} from '../../../errors.js';
import {agentWords} from '../../agent-words.js';
import {type Check, type Finding, found, well} from '../../check.js';
import {manifestNics} from '../../manifest-nics.js';
import {askedAsync, type Scene} from '../../scene.js';

/** KCVs of KEKs that everybody knows: of all zeros, in NVIDIA's documents, a public lab script and DPDK's tests. */
const PUBLIC_KCVS: ReadonlySet<string> = new Set(['763cbcde81', '9211053c55']);

export const source: Check = {
  name: 'source',
  verdicts: {
    'kek-not-named': {
      level: 'fix',
      text: 'the NIC takes DEKs in plaintext, and no import KEK is named to unwrap the manifest with',
      fix: 'dek agent --kek SOURCE (dek doctor --kek SOURCE tries it); or have the NIC take wrapped DEKs',
    },
    'source-failed': {
      level: 'fix',
      text: 'the import KEK cannot be had from its source',
      fix: 'see what the error says: the source has to be there, and this user has to be let in',
    },
    'kek-differs': {
      level: 'fix',
      text: 'the import KEK is not the one that the manifest was wrapped under',
      fix: 'name the KEK with the KCV of the manifest, or dek rewrap the manifest',
    },
    'kek-public': {
      level: 'fix',
      text: 'the import KEK is one that everybody knows: all zeros, as in examples and test vectors',
      fix: 'ask the crypto officer for a KEK of random bytes, and re-wrap everything: dek rewrap',
    },
  },
  async look(scene) {
    const spec = scene.options.kek;
    if (spec === undefined) return await whereMissing(scene);
    const {openKek} = await import('../../../custody/kek.js');
    const kcv = await askedAsync(async () => {
      const kek = await openKek(spec, {title: 'kek', format: undefined, kcv: undefined});
      try {
        return kek.kcv ?? null;
      } finally {
        await kek.close();
      }
    });
    if (kcv instanceof DekError) return [found('source-failed', kcv.message)];
    if (kcv === null) return [well('an import KEK whose KCV is not known')];
    const seen = `an import KEK with KCV ${toHex(kcv)}`;
    if (PUBLIC_KCVS.has(toHex(kcv))) return [found('kek-public', seen)];
    const offered = await scene.manifest();
    const wanted = offered === undefined || offered instanceof DekError ? null : offered.header.importKekKcv;
    if (wanted !== null && !equalBytes(wanted, kcv)) {
      return [found('kek-differs', `${seen}; the manifest has ${toHex(wanted)}`)];
    }
    return [well(seen)];
  },
};

/** NICs that need it for a manifest that is not applied yet, while neither this command nor the agent names it. */
async function whereMissing(scene: Scene): Promise<readonly Finding[]> {
  const status = await scene.agent();
  const applied = status instanceof DekError ? undefined : status.manifest?.path;
  if (applied !== undefined && applied === (await scene.manifestPath())) return [];
  if ((await agentWords(scene))?.value('--kek') !== undefined) return [];
  const nics = (await manifestNics(scene)).filter((nic) => scene.capsOf(nic).caps.importMode === 'plaintext');
  return nics.map(({name}) => found('kek-not-named', 'plaintext import', name));
}
