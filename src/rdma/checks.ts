/**
 * What comes from outside is checked once and copied at once: an options object may have getters that change their
 * answer, and a Uint8Array may lie about its length, shrink, or belong to another thread as well.
 */
import {DekError} from '../errors.js';

/** Throws BAD_ARGUMENT unless `value` is an object. `title` names it in the message. */
export function assertObject(value: unknown, title: string): asserts value is object {
  if (typeof value === 'object' && value !== null) return;
  throw new DekError(
    'BAD_ARGUMENT',
    `"${title}" expected an object, got type=${value === null ? 'null' : typeof value}`,
  );
}

/** A copy of an array. Throws BAD_ARGUMENT for anything else. `title` names it in the message. */
export function copyList(value: unknown, title: string): unknown[] {
  if (!Array.isArray(value)) throw new DekError('BAD_ARGUMENT', `"${title}" expected an array`);
  const copy: unknown[] = [];
  for (let i = 0; i < value.length; i++) copy.push(value[i]);
  return copy;
}

/** The error for a method that was called on something else than its own kind of object. */
export function wrongReceiver(kind: string): DekError<'BAD_ARGUMENT'> {
  return new DekError('BAD_ARGUMENT', `"this" expected a ${kind}`);
}
