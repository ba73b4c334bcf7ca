/** libibverbs and libmlx5: whether they load, are of one release, and what that release knows. */
import {DekError} from '../../../errors.js';
import {type Check, found, well} from '../../check.js';

const UPDATE = 'update libibverbs1 and ibverbs-providers, both to one release';

/** Since which release of rdma-core something is there, and the verdict on those before. */
const SINCE: readonly (readonly [release: number, verdict: string])[] = [
  [40, 'libraries-without-reasons'],
  [42, 'libraries-without-objects'],
];

export const libraries: Check = {
  name: 'libraries',
  verdicts: {
    'libraries-missing': {
      level: 'fix',
      text: 'libibverbs or libmlx5 cannot be loaded',
      fix: 'install the Debian packages libibverbs1 and ibverbs-providers',
    },
    'libraries-mixed': {
      level: 'fix',
      text: 'libibverbs and libmlx5 are of different releases',
      fix: 'install libibverbs1 and ibverbs-providers of one release; look for a second copy in LD_LIBRARY_PATH',
    },
    'libraries-old': {
      level: 'fix',
      text: 'libmlx5 has no crypto: it is older than rdma-core 37',
      fix: UPDATE,
    },
    'libraries-without-reasons': {
      level: 'note',
      text: 'libmlx5 before rdma-core 40 does not say why the firmware refuses',
      fix: UPDATE,
    },
    'libraries-without-objects': {
      level: 'note',
      text: 'libmlx5 before rdma-core 42 has no login objects and makes no plaintext DEKs',
      fix: UPDATE,
    },
    'virtual-not-loaded': {
      level: 'fix',
      text: 'this process is to run on a virtual ConnectX, and was started without it',
      fix: 'start it by dek virtual exec; for the NICs of this host unset DEK_VIRTUAL',
    },
  },
  look(scene) {
    const release = scene.release();
    if (release instanceof DekError) return [found(FAILURES[release.code] ?? 'libraries-missing', release.message)];
    const devices = scene.devices();
    if (devices instanceof DekError && devices.code === 'UNSUPPORTED') {
      return [found('virtual-not-loaded', devices.message)];
    }
    const seen = `rdma-core ${release ?? 'of a release that its files do not tell'}`;
    const [, verdict] = SINCE.find(([since]) => Number.parseInt(release ?? '', 10) < since) ?? [];
    return [verdict === undefined ? well(seen) : found(verdict, seen)];
  },
};

const FAILURES: Readonly<Record<string, string>> = {
  MIXED_LIBRARIES: 'libraries-mixed',
  OLD_LIBRARY: 'libraries-old',
};
