/** AES-XTS by OpenSSL, for data that a NIC has to come to as well. */
import {createCipheriv, createDecipheriv} from 'node:crypto';

interface Keys {
  key1: Uint8Array;
  key2: Uint8Array;
}

/** Encrypts one data unit; `sector` is its number, the tweak as IEEE 1619 has it, or that tweak of 16 bytes. */
export function xts({key1, key2}: Keys, sector: number | Uint8Array, plain: Uint8Array): Buffer {
  const cipher = createCipheriv(`aes-${key1.length * 8}-xts`, Buffer.concat([key1, key2]), tweakOf(sector));
  return Buffer.concat([cipher.update(plain), cipher.final()]);
}

/** Decrypts one data unit. */
export function xtsDecrypt({key1, key2}: Keys, sector: number | Uint8Array, ciphertext: Uint8Array): Buffer {
  const decipher = createDecipheriv(`aes-${key1.length * 8}-xts`, Buffer.concat([key1, key2]), tweakOf(sector));
  return Buffer.concat([decipher.update(ciphertext), decipher.final()]);
}

function tweakOf(sector: number | Uint8Array): Buffer {
  const tweak = Buffer.alloc(16);
  if (typeof sector === 'number') tweak.writeBigUInt64LE(BigInt(sector));
  else tweak.set(sector);
  return tweak;
}
