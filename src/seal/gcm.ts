/** AES-256-GCM (NIST SP 800-38D) in place, with nonces of 12 bytes and no associated data: by libcrypto, else noble. */
import {createRequire} from 'node:module';
import {equalBytes, fromHex, wipe} from '../bytes.js';
import {type Gcm, loadLibcryptoGcm} from './ffi.js';

const TAG_BYTES = 16;

let chosen: Gcm | undefined;

/** The first that loads and computes a known answer. */
export function gcm(): Gcm {
  chosen ??= usable(loadLibcryptoGcm) ?? loadNobleGcm();
  return chosen;
}

function usable(load: () => Gcm): Gcm | undefined {
  try {
    const candidate = load();
    return computesKnownAnswer(candidate) ? candidate : undefined;
  } catch {
    return undefined;
  }
}

/** Test case 14 of the GCM specification (McGrew, Viega): a zero key, nonce and block. */
export function computesKnownAnswer({seal, open}: Gcm): boolean {
  const [key, nonce, block] = [new Uint8Array(32), new Uint8Array(12), new Uint8Array(16)];
  const tag = seal(key, nonce, block);
  if (!equalBytes(block, fromHex('cea7403d4d606b6e074ec5d3baf39d18', 'block'))) return false;
  if (!equalBytes(tag, fromHex('d0d1c8a799996bf0265b98b5d48ab919', 'tag'))) return false;
  return (
    open(key, nonce, block, tag) && equalBytes(block, new Uint8Array(16)) && !open(key, nonce, block, key.slice(16))
  );
}

/** Of @noble/ciphers: runs everywhere, slowly. */
export function loadNobleGcm(): Gcm {
  const noble = createRequire(import.meta.url)('@noble/ciphers/aes.js') as typeof import('@noble/ciphers/aes.js');
  return {
    seal(key, nonce, bytes) {
      const sealed = noble.gcm(key, nonce).encrypt(bytes);
      bytes.set(sealed.subarray(0, bytes.length));
      return sealed.slice(bytes.length);
    },
    open(key, nonce, bytes, tag) {
      const sealed = new Uint8Array(bytes.length + TAG_BYTES);
      sealed.set(bytes);
      sealed.set(tag, bytes.length);
      try {
        const opened = noble.gcm(key, nonce).decrypt(sealed);
        bytes.set(opened);
        wipe(opened);
        return true;
      } catch {
        return false;
      }
    },
  };
}
