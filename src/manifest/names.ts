/** Names by number, from a pattern as printf(1) has it: `vol-%05d`. Left out: every conversion but one %d or %0Nd. */
import {assertDekName} from '../dek-name.js';
import {DekError} from '../errors.js';

/**
 * `count` names, from number `first` on. A pattern without %d is one name. Throws BAD_ARGUMENT unless all are names of DEKs, and
 * all different.
 */
export function numberedNames(pattern: string, first: number, count: number): Iterable<string> {
  const match = /^([^%]*)%(?:0(\d{1,2}))?d([^%]*)$/.exec(pattern);
  if (!match && (pattern.includes('%') || count > 1)) {
    throw new DekError('BAD_ARGUMENT', '"name" expected a pattern with one %d, as in vol-%05d');
  }
  const [, before = pattern, digits = '0', after = ''] = match ?? [];
  const nameOf = (number: number): string =>
    match ? `${before}${String(number).padStart(Number(digits), '0')}${after}` : pattern;
  assertDekName(nameOf(first));
  assertDekName(nameOf(first + count - 1));
  return {
    *[Symbol.iterator]() {
      for (let number = first; number < first + count; number++) yield nameOf(number);
    },
  };
}
