/** The source of the import KEK: whether it answers, and whether the KEK is that of the manifest. */
import {equalBytes, toHex} from '../../../bytes.js';
import {DekError} from '../../../errors.js';
import {type Check, found, well} from '../../check.js';
import {askedAsync} from '../../scene.js';

/** KCVs of KEKs that everybody knows: of all zeros, in NVIDIA's documents, a public lab script and DPDK's tests. */
const PUBLIC_KCVS: ReadonlySet<string> = new Set(['763cbcde81', '9211053c55']);

export const source: Check = {
  name: 'source',
  verdicts: {
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
    if (spec === undefined) return [];
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
