/** Looks for keys in the kernel's rings, and says what stands in the way: keyrings(7), request_key(2). */
import {secretBytes, wipe} from '../../bytes.js';
import {DekError, type DekErrorCode} from '../../errors.js';
import {KeyringError, link, RINGS, readKey, requestKey, type Serial, searchRing} from './ffi.js';

/** The most that a key of the type `user` holds: keyrings(7). */
const MAX_USER_BYTES = 32_767;

type Meaning = readonly [code: DekErrorCode, is: string, hint?: string];

const MEANINGS: Readonly<Record<string, Meaning>> = {
  ENOKEY: [
    'NO_INPUT',
    'no such key in the session, user and process rings',
    'keyctl show lists them; a service has a session ring of its own: KeyringMode= of systemd.exec(5)',
  ],
  EKEYEXPIRED: ['NO_INPUT', 'the key has expired'],
  EKEYREVOKED: ['NO_INPUT', 'the key was revoked'],
  EACCES: ['PERMISSION', 'the permissions of the key keep this process out', 'keyctl setperm changes them'],
  EPERM: ['PERMISSION', 'keyrings may not be used here', 'the filter of a container may forbid keyctl(2)'],
  ENOSYS: ['UNSUPPORTED', 'this kernel has no keyrings'],
  ENODEV: ['UNSUPPORTED', 'this kernel has no keys of that type'],
  EOPNOTSUPP: ['UNSUPPORTED', 'keys of that type cannot be read'],
  EDQUOT: ['LIMIT', 'the keys of this user are too many or too large', 'see maxkeys and maxbytes in keyrings(7)'],
};

/** What an errno of the kernel means for a key. */
export function meaningOf(errno: string): Meaning {
  return MEANINGS[errno] ?? ['IO', errno];
}

/** The key of this type and description. Throws NO_INPUT, PERMISSION, UNSUPPORTED. */
export function findKey(type: string, description: string, name: string): Serial {
  return explained(name, () => {
    const inRings = firstOf(() => requestKey(type, description));
    if (inRings !== undefined) return inRings;
    // A session need not have the ring of its user in it, and then its keys are not this process's to read.
    possessUserRing();
    // Of a key that has expired only a search tells more than that there is none.
    const search = (ring: number) => firstOf(() => searchRing(ring, type, description));
    return search(RINGS.process) ?? search(RINGS.session) ?? requestKey(type, description);
  });
}

/** Undefined when there is no such key. */
function firstOf(find: () => Serial): Serial | undefined {
  try {
    return find();
  } catch (error) {
    if (error instanceof KeyringError && error.errno === 'ENOKEY') return undefined;
    throw error;
  }
}

/** From now on the keys in the user's ring are this process's, which changes nothing for others. */
export function possessUserRing(): void {
  link(RINGS.user, RINGS.process);
}

/** Calls `use` with what the key holds; that is wiped then. */
export function withPayload<T>(key: Serial, name: string, use: (payload: Uint8Array) => T): T {
  const buffer = secretBytes(MAX_USER_BYTES);
  try {
    const length = explained(name, () => readKey(key, buffer));
    return use(buffer.subarray(0, length));
  } finally {
    wipe(buffer);
  }
}

/** How many bytes the key holds; they stay in the kernel. */
export function payloadBytes(key: Serial, name: string): number {
  return explained(name, () => readKey(key, new Uint8Array(0)));
}

/** What `action` returns; what the kernel says against it is put into words. */
export function explained<T>(name: string, action: () => T): T {
  try {
    return action();
  } catch (error) {
    if (!(error instanceof KeyringError)) throw error;
    const {errno} = error;
    const [code, is, hint] = meaningOf(errno);
    throw new DekError(code, `${name}: ${is}`, {hint, errno, cause: error});
  }
}
