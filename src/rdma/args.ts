/**
 * What comes from outside is checked once and copied at once: an options object may have getters that change their
 * answer, and a Uint8Array may lie about its length, shrink, or belong to another thread as well.
 */
import {types} from 'node:util';
import {orList} from '../bytes.js';
import {DekError} from '../errors.js';

/** The length that a Uint8Array has, whatever its own `length` property says. */
const trueLength = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'length')!
  .get as () => number;

/** Throws BAD_ARGUMENT unless `value` is an object. `title` names it in the message. */
export function assertObject(value: unknown, title: string): asserts value is object {
  if (typeof value === 'object' && value !== null) return;
  throw new DekError(
    'BAD_ARGUMENT',
    `"${title}" expected an object, got type=${value === null ? 'null' : typeof value}`,
  );
}

/**
 * Copies `value` to `target` at `offset`. Throws BAD_ARGUMENT unless it is a Uint8Array of one of `lengths` bytes;
 * nothing is written then.
 */
export function copyBytes(
  target: Uint8Array,
  offset: number,
  value: unknown,
  lengths: readonly number[],
  title: string,
): void {
  const is = types.isUint8Array(value);
  const length = is ? trueLength.call(value) : -1;
  if (!is || !lengths.includes(length)) {
    const got = is ? `length=${length}` : `type=${value === null ? 'null' : typeof value}`;
    throw new DekError('BAD_ARGUMENT', `"${title}" expected Uint8Array of length ${orList(lengths)}, got ${got}`);
  }
  target.set(value, offset);
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
