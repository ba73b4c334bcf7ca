/** When a plaintext key may leave the process: only if it is asked for, and never by accident. */
import {DekError} from '../../errors.js';
import type {OutputOptions} from './output.js';

/** What was asked for. */
export interface RevealOptions extends OutputOptions {
  reveal: boolean;
}

/**
 * Throws BAD_ARGUMENT when there is nothing to write, and UNSAFE_SECRET when the plaintext would go into `json` or,
 * unasked, to a terminal. One key, `isOne`, may go to a terminal as text.
 */
export function assertMayReveal(
  {reveal, output, format}: RevealOptions,
  {json, isOne}: {json: boolean; isOne: boolean},
): void {
  if (!reveal) {
    if (output === undefined && format === undefined) return;
    throw new DekError('BAD_ARGUMENT', 'without --reveal there is nothing to write', {
      hint: 'leave out --output and --format, or add --reveal to write the plaintext key',
    });
  }
  if (json) {
    throw new DekError('UNSAFE_SECRET', 'a plaintext key is never part of --json', {
      hint: 'leave out one of --reveal and --json',
    });
  }
  if (output !== undefined || !process.stdout.isTTY || format === 'hex' || format === 'base64') return;
  throw new DekError('UNSAFE_SECRET', 'the plaintext key would go to this terminal', {
    hint: `write it to a file with --output FILE${isOne ? ', or insist with --format hex' : ''}`,
  });
}
