/**
 * Objects that a caller gives. One may be a proxy that was revoked, have getters that throw, or be no object at all:
 * that is a wrong argument, whatever the engine makes of it.
 */
import {DekError} from './errors.js';

/** What `take` reads of it. Throws BAD_ARGUMENT where that throws anything but a DekError; `title` names it there. */
export function given<T>(title: string, expected: string, take: () => T): T {
  try {
    return take();
  } catch (cause) {
    throw cause instanceof DekError ? cause : new DekError('BAD_ARGUMENT', `"${title}" expected ${expected}`, {cause});
  }
}

/** `source`, to be gone through once. What it throws then is its own. Throws BAD_ARGUMENT when it has no iterator. */
export function itemsOf<T>(source: AsyncIterable<T> | Iterable<T>, title: string): AsyncIterable<T> | Iterable<T> {
  return given(title, 'an iterable', () => {
    if (Array.isArray(source)) return source;
    const begin = (source as Partial<AsyncIterable<T>>)[Symbol.asyncIterator];
    const iterator = begin ? begin.call(source) : (source as Iterable<T>)[Symbol.iterator]();
    if (typeof iterator.next !== 'function') throw new TypeError('it has no next()');
    const again = {[begin ? Symbol.asyncIterator : Symbol.iterator]: () => iterator};
    return again as unknown as AsyncIterable<T> | Iterable<T>;
  });
}
