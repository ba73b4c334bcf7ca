/** A key that is not the one that a check value names, in words. */
import {DekError} from '../../errors.js';
import type {Arrangement} from './dcv.js';

/** What is wrong with a key of this arrangement. */
const ARRANGEMENT_WORDS: Readonly<Record<Arrangement, string>> = {
  'halves-swapped': 'key1 and key2 are swapped',
  'halves-reversed': 'the bytes of key1 and of key2 are reversed',
  'halves-swapped-and-reversed': 'key1 and key2 are swapped, and the bytes of each reversed',
};

/** WRONG_KEY: the key has another DCV. `arrangement` says how it was put together; undefined: it is another key. */
export function anotherKey(arrangement: Arrangement | undefined): DekError<'WRONG_KEY'> {
  if (arrangement) {
    return new DekError('WRONG_KEY', `the key is not the one with this DCV: ${ARRANGEMENT_WORDS[arrangement]}`, {
      hint: 'put it together as key1, key2, keytag, each as it came from where the key was made',
    });
  }
  return new DekError('WRONG_KEY', 'the key is not the one with this DCV, and no other arrangement of it is', {
    hint: 'it is another key: compare with what the place that made the key says of it',
  });
}
