/**
 * The JSON-RPC request by which SPDK takes a key, accel_crypto_key_create (SPDK's doc/jsonrpc.md): its keys are
 * plaintext, in hex. It is put together byte by byte in a buffer that can be wiped, never as a string.
 *
 *     {"jsonrpc":"2.0","id":1,"method":"accel_crypto_key_create","params":
 *      {"name":"vol-1","cipher":"AES_XTS","key":"HEX","key2":"HEX"}}
 */
import {secretBytes} from '../bytes.js';
import {digitsLength, encodeDigits} from '../custody/digits.js';

/** The request `id`; `keys` are key1 and key2, 32 or 64 bytes. The caller wipes it. */
export function keyRequest(id: number, name: string, keys: Uint8Array): Uint8Array {
  const head =
    `{"jsonrpc":"2.0","id":${id},"method":"accel_crypto_key_create","params":` +
    `{"name":${JSON.stringify(name)},"cipher":"AES_XTS","key":"`;
  const half = keys.length / 2;
  const parts = [Buffer.from(head), keys.subarray(0, half), Buffer.from('","key2":"'), keys.subarray(half)];
  const end = Buffer.from('"}}');
  const bytes = parts.reduce((sum, part, i) => sum + (isKey(i) ? 2 : 1) * part.length, end.length);
  const request = secretBytes(bytes);
  let at = 0;
  for (const [i, part] of parts.entries()) {
    if (isKey(i)) writeHex(part, request, at);
    else request.set(part, at);
    at += (isKey(i) ? 2 : 1) * part.length;
  }
  request.set(end, at);
  return request;
}

/** Every second part is a key. */
function isKey(part: number): boolean {
  return part % 2 === 1;
}

/** Hex of `bytes` at `at`: through a buffer of its own, since the digits end with a line feed. */
function writeHex(bytes: Uint8Array, into: Uint8Array, at: number): void {
  const digits = secretBytes(digitsLength(bytes.length, 'hex'));
  encodeDigits(bytes, 'hex', digits);
  into.set(digits.subarray(0, -1), at);
  digits.fill(0);
}
