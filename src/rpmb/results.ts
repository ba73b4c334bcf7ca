/** What an RPMB says of a request, JESD84-B51 table 18, and the error of each. */
import {DekError, type DekErrorCode} from '../errors.js';

export const RESULTS = {ok: 0, noKey: 7} as const;
/** Beside the result: the write counter has reached its end, and nothing can be written any more. */
const EXPIRED = 0x80;

const MEANINGS: Readonly<Record<number, readonly [code: DekErrorCode, is: string, hint?: string]>> = {
  1: ['REFUSED', 'general failure'],
  2: [
    'UNWRAP_FAILED',
    'the MAC is not by the key that is programmed',
    'give the key that this memory was programmed with',
  ],
  3: ['REFUSED', 'the write counter is another', 'another program has written meanwhile: try again'],
  4: ['BAD_ARGUMENT', 'there is no such block'],
  5: ['REFUSED', 'the data, counter or result cannot be written'],
  6: ['REFUSED', 'the data, counter or result cannot be read'],
  7: ['NOT_READY', 'no key is programmed', 'dek rpmb program, which cannot be taken back'],
};

/** The result without what it says of the counter. */
export function resultOf(result: number): number {
  return result & ~EXPIRED;
}

export function isExpired(result: number): boolean {
  return (result & EXPIRED) !== 0;
}

/** `7, no key is programmed`. */
export function resultText(result: number): string {
  const [, is = 'unknown'] = MEANINGS[resultOf(result)] ?? [];
  const expired = isExpired(result) ? '; the write counter has expired' : '';
  return resultOf(result) === RESULTS.ok ? `0, done${expired}` : `${resultOf(result)}, ${is}${expired}`;
}

/** The error of a request that was not done. */
export function refusal(name: string, what: string, result: number): DekError {
  const [code, , hint] = MEANINGS[resultOf(result)] ?? ['REFUSED'];
  return new DekError(code, `${name}: ${what} was refused: ${resultText(result)}`, {hint});
}
