/** One fault of a manifest, named by line and field. Never with the value of a string: the file may be something secret. */
import {DekError} from '../errors.js';

/** BAD_INPUT: `line 17: wrapped: expected 80 bytes`. Lines count from 1; `field` is null when the whole line is at fault. */
export function fault(line: number, field: string | null, text: string, hint?: string): DekError<'BAD_INPUT'> {
  return new DekError('BAD_INPUT', `line ${line}: ${field === null ? '' : `${field}: `}${text}`, {hint});
}
