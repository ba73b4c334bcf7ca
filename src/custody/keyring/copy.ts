/** Puts a KEK into a ring of the kernel, under a name by which it is found again. */
import {equalBytes} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {encryptedBlob} from './encrypted.js';
import {addKey, KeyringError, link, RINGS, ringId, type Serial, searchRing, setTimeoutOf, unlink} from './ffi.js';
import {explained, findKey, possessUserRing, withPayload} from './find.js';

/** The types that a KEK can be copied into. */
export const TARGET_TYPES = ['user', 'logon', 'encrypted'] as const;

/** Where a KEK goes. */
export interface KeyTarget {
  readonly type: (typeof TARGET_TYPES)[number];
  readonly description: string;
  readonly ring: 'user' | 'session';
  /** How long it lives; for ever without. */
  readonly seconds?: number | undefined;
  /** Replace the key of that type and description in that ring. */
  readonly force: boolean;
  /** Of an encrypted key: the description of the user key that encrypts it. */
  readonly master?: string | undefined;
}

/**
 * Copies `kek` and looks the new key up again, as a later `keyring:` does; returns its serial number. Throws EXISTS,
 * BAD_ARGUMENT for what such a key cannot be; what the kernel refuses. Nothing is left of it then.
 */
export function copyToKeyring(kek: Uint8Array, target: KeyTarget): Serial {
  const {type, description, seconds, force} = target;
  const name = `keyring:${type}:${description}`;
  const ring = RINGS[target.ring];
  return explained(name, () => {
    possessUserRing();
    assertLasting(target);
    const old = searchedIn(ring, type, description);
    if (old !== undefined && !force) {
      throw new DekError('EXISTS', `${name} exists`, {hint: 'choose another description, or replace it with --force'});
    }
    // Made in the ring of this process, which ends with it; in the other it takes the place of the old one at once.
    const payload = payloadOf(kek, target);
    const key = addKey(type, description, payload, RINGS.process);
    if (seconds !== undefined) setTimeoutOf(key, seconds);
    link(key, ring);
    unlink(key, RINGS.process);
    try {
      assertFound(key, kek, target, name);
    } catch (error) {
      unlink(key, ring);
      throw error;
    }
    return key;
  });
}

function payloadOf(kek: Uint8Array, {type, master}: KeyTarget): Uint8Array {
  if (type !== 'encrypted') return kek;
  const masterName = `keyring:user:${master}`;
  const masterKey = findKey('user', master!, masterName);
  const blob = withPayload(masterKey, masterName, (payload) => encryptedBlob(kek, master!, payload));
  return Buffer.from(`load ${blob}`);
}

function searchedIn(ring: number, type: string, description: string): Serial | undefined {
  try {
    return searchRing(ring, type, description);
  } catch (error) {
    // One that was revoked or has expired is in nobody's way.
    if (error instanceof KeyringError && ['ENOKEY', 'EKEYREVOKED', 'EKEYEXPIRED'].includes(error.errno))
      return undefined;
    throw error;
  }
}

/** A process that was started without a session ring gets one of its own to add to, which ends with it. */
function assertLasting({ring}: KeyTarget): void {
  if (ring !== 'session' || ringId(RINGS.session, false) === ringId(RINGS.session, true)) return;
  throw new DekError('BAD_ARGUMENT', 'this process has no session ring that outlives it', {
    hint: 'leave out --ring, or run it in one: keyctl session - CMD',
  });
}

function assertFound(key: Serial, kek: Uint8Array, {type, description}: KeyTarget, name: string): void {
  const found = findKey(type, description, name);
  const isSame = type !== 'user' || withPayload(found, name, (payload) => equalBytes(payload, kek));
  if (found === key && isSame) return;
  throw new DekError('IO', `${name} is found, but another ring has a key of that name before it`, {
    hint: 'keyctl show lists the rings; choose another description',
  });
}
