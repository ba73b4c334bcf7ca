/** Ciphertext of known data under a DEK, for peers whose tests compare it. AES-XTS of IEEE 1619, in software. */
import {createCipheriv} from 'node:crypto';
import {wipe} from '../../bytes.js';
import {layoutOfWrapped} from '../../dek-layout.js';
import type {KekHandle} from '../../wrap/kek-handle.js';

const TWEAK_BYTES = 16;

/** Gives key1 and key2 of a wrapped DEK to `use`, and wipes them. Throws UNWRAP_FAILED. */
export async function withKeys<T>(kek: KekHandle, wrapped: Uint8Array, use: (keys: Uint8Array) => T): Promise<T> {
  const {plaintextBytes, keySize} = layoutOfWrapped(wrapped.length);
  const plaintext = await kek.unwrap(wrapped, plaintextBytes);
  try {
    return use(plaintext.subarray(0, keySize / 4));
  } finally {
    wipe(plaintext);
  }
}

/** `data` encrypted in units of 512 bytes, from data unit 0 on. */
export function encryptUnits(keys: Uint8Array, data: Uint8Array): Uint8Array {
  const units: Buffer[] = [];
  for (let unit = 0; unit * 512 < data.length; unit++) {
    const tweak = Buffer.alloc(TWEAK_BYTES);
    tweak.writeUInt32LE(unit);
    const cipher = createCipheriv(keys.length === 32 ? 'aes-128-xts' : 'aes-256-xts', keys, tweak);
    units.push(cipher.update(data.subarray(unit * 512, (unit + 1) * 512)), cipher.final());
  }
  return Buffer.concat(units);
}
