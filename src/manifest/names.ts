/** Names by number, from a pattern as printf(1) has it: `vol-%05d`. Left out: every conversion but one %d or %0Nd. */
import {assertDekName} from '../dek-name.js';
import {DekError} from '../errors.js';

const PATTERN = /^([^%]*)%(?:0(\d{1,2}))?d([^%]*)$/;

/**
 * Throws BAD_ARGUMENT unless `pattern` gives `count` names of DEKs, from number `first` on. One without %d is one name.
 */
export function assertNames(pattern: string, first: number, count: number): void {
  if (!PATTERN.test(pattern) && (pattern.includes('%') || count > 1)) {
    throw new DekError('BAD_ARGUMENT', '"name" expected a pattern with one %d, as in vol-%05d');
  }
  assertDekName(numberedName(pattern, first));
  assertDekName(numberedName(pattern, first + count - 1));
}

/** The name that `pattern` gives to this number. */
export function numberedName(pattern: string, number: number): string {
  return pattern.replace(PATTERN, (_, before: string, digits: string | undefined, after: string) => {
    return `${before}${String(number).padStart(Number(digits ?? 0), '0')}${after}`;
  });
}
