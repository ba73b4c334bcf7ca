/**
 * A key of the type `encrypted` that holds bytes of our choice: the kernel loads what was made by whoever knows the
 * master key. Documentation/security/keys/trusted-encrypted.rst, format `default`; its layout is of
 * security/keys/encrypted-keys/encrypted.c:
 *
 *     default user:MASTER LENGTH HEX        HEX: iv 16 | 00 | AES-256-CBC(data, padded with zeros) | HMAC-SHA256 32
 *
 * The two keys are SHA-256 of "ENC_KEY" or "AUTH_KEY", a zero, the master key, and zeros up to the length of the longer
 * text. The HMAC is over format, master's description and length, a zero after each, and over HEX before it.
 */
import {createCipheriv, createHash, createHmac, randomBytes} from 'node:crypto';
import {secretBytes, toHex, wipe} from '../../bytes.js';
import {DekError} from '../../errors.js';

const BLOCK_BYTES = 16;
const AUTH_KEY = 'AUTH_KEY';
/** The kernel's MIN_DATA_SIZE. */
const MIN_BYTES = 20;

/** What add_key(2) loads: ciphertext. Throws BAD_ARGUMENT for data that no such key can hold. */
export function encryptedBlob(data: Uint8Array, masterDescription: string, master: Uint8Array): string {
  if (data.length < MIN_BYTES) {
    const hint = 'take a KEK of 32 bytes, or another type of key';
    throw new DekError('BAD_ARGUMENT', `encrypted keys have ${MIN_BYTES} bytes or more, and this KEK ${data.length}`, {
      hint,
    });
  }
  const words = ['default', `user:${masterDescription}`, `${data.length}`];
  const iv = randomBytes(BLOCK_BYTES);
  const [encryptKey, authKey] = [derive('ENC_KEY', master), derive(AUTH_KEY, master)];
  const padded = secretBytes(Math.ceil(data.length / BLOCK_BYTES) * BLOCK_BYTES);
  try {
    padded.set(data);
    const ciphertext = createCipheriv('aes-256-cbc', encryptKey, iv).setAutoPadding(false).update(padded);
    const body = Buffer.concat([iv, Buffer.alloc(1), ciphertext]);
    const mac = createHmac('sha256', authKey)
      .update(words.map((word) => `${word}\0`).join(''))
      .update(body)
      .digest();
    return `${words.join(' ')} ${toHex(Buffer.concat([body, mac]))}`;
  } finally {
    wipe(encryptKey, authKey, padded);
  }
}

function derive(purpose: string, master: Uint8Array): Uint8Array {
  const input = secretBytes(Math.max(32, AUTH_KEY.length + 1 + master.length));
  input.set(Buffer.from(purpose));
  input.set(master, purpose.length + 1);
  try {
    return createHash('sha256').update(input).digest();
  } finally {
    wipe(input);
  }
}
