/**
 * A KEK in components, as ceremonies at HSMs have it: each person has one, all are as long as the KEK, and the KEK is
 * their exclusive or. Who lacks one knows nothing of the KEK.
 */
import {randomFillSync} from 'node:crypto';
import {equalBytes, secretBytes, wipe} from '../bytes.js';
import {DekError} from '../errors.js';

/** The exclusive or of two components or more, in a buffer that the caller wipes. Throws BAD_INPUT. */
export function joinComponents(components: readonly Uint8Array[]): Uint8Array {
  const [first, ...others] = components;
  if (others.some((other) => other.length !== first!.length)) {
    throw new DekError('BAD_INPUT', `the components have ${components.map(({length}) => length).join(' and ')} bytes`, {
      hint: 'all components of a KEK are as long as the KEK',
    });
  }
  for (const [i, one] of components.entries()) {
    const same = components.findIndex((other, j) => j > i && equalBytes(one, other));
    // Each would take the other out again.
    if (same >= 0) throw new DekError('BAD_INPUT', `component ${i + 1} and component ${same + 1} are the same`);
  }
  const kek = secretBytes(first!.length);
  for (const component of components) for (let at = 0; at < kek.length; at++) kek[at]! ^= component[at]!;
  if (kek.some((byte) => byte !== 0)) return kek;
  throw new DekError('BAD_INPUT', 'the components make a KEK of zeros');
}

/** So many new components of a new KEK, to be wiped by the caller. */
export function newComponents(count: number, kekBytes: number): Uint8Array[] {
  const components = Array.from({length: count}, () => secretBytes(kekBytes));
  try {
    for (const component of components) randomFillSync(component);
    return components;
  } catch (error) {
    wipe(...components);
    throw error;
  }
}
