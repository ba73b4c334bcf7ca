/** Arithmetic with secret numbers in buffers that can be wiped, as a BigInt cannot. */
import {secretBytes} from '../../bytes.js';

/**
 * `number` modulo `modulus`, both big-endian and the latter not 0, in a buffer as long as `modulus`, which the caller
 * wipes. A bit at a time: 4,096 bits by 2,048 take some milliseconds. Its time does not depend on the bits.
 */
export function remainder(number: Uint8Array, modulus: Uint8Array): Uint8Array {
  const {length} = modulus;
  // One byte more in front: doubled, the rest is below twice the modulus.
  const rest = secretBytes(length + 1);
  const less = secretBytes(length + 1);
  for (const byte of number) {
    for (let bit = 7; bit >= 0; bit--) {
      let carry = (byte >> bit) & 1;
      for (let i = length; i >= 0; i--) {
        carry |= rest[i]! << 1;
        rest[i] = carry & 0xff;
        carry >>= 8;
      }
      let borrow = 0;
      for (let i = length; i >= 0; i--) {
        const difference = rest[i]! - (i === 0 ? 0 : modulus[i - 1]!) - borrow;
        less[i] = difference & 0xff;
        borrow = difference < 0 ? 1 : 0;
      }
      const take = borrow - 1; // all ones where it could be subtracted
      for (let i = 0; i <= length; i++) rest[i] = (less[i]! & take) | (rest[i]! & ~take);
    }
  }
  less.fill(0);
  const result = secretBytes(length);
  result.set(rest.subarray(1));
  rest.fill(0);
  return result;
}
