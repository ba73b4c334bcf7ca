/** DEKs that can be proven, by what an agent's create takes. */
import {dekCheckValue, wrapDek} from '../../../src/wrap/index.js';
import type {TestDevice} from './device.js';

/** A 256-bit DEK with a keytag whose bytes follow from `seed`; `dcv` is what its birthplace said. */
export function provable(device: TestDevice, seed: number) {
  const keys = {
    key1: new Uint8Array(32).fill(seed),
    key2: new Uint8Array(32).fill(seed ^ 0x80),
    keytag: new Uint8Array(8).fill(seed),
  };
  return {
    opaque: new Uint8Array(),
    wrapped: wrapDek(device.kek, keys),
    dcv: dekCheckValue(Buffer.concat([keys.key1, keys.key2, keys.keytag])),
    keytagValue: keys.keytag,
  };
}
