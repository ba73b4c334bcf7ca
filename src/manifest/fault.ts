/**
 * One fault of a manifest, named by line and field. Never with the value of a string: the file may be something secret.
 */
import {DekError, type DekErrorCode} from '../errors.js';

/** A fault as plain data, which also passes from one thread to another. */
export interface Fault {
  line: number;
  code: DekErrorCode;
  message: string;
  hint: string | undefined;
}

/** What is wrong with one line. */
export class LineFault<Code extends DekErrorCode = DekErrorCode> extends DekError<Code> {
  readonly line: number;

  constructor(line: number, code: Code, text: string, hint: string | undefined) {
    super(code, `line ${line}: ${text}`, {hint});
    this.line = line;
  }
}

/**
 * BAD_INPUT: `line 17: wrapped: expected 80 bytes`. Lines count from 1; `field` is null when the whole line is at
 * fault.
 */
export function fault(line: number, field: string | null, text: string, hint?: string): LineFault<'BAD_INPUT'> {
  return new LineFault(line, 'BAD_INPUT', `${field === null ? '' : `${field}: `}${text}`, hint);
}

/** The fault as plain data. */
export function faultOf({line, code, message, hint}: LineFault): Fault {
  return {line, code, message, hint};
}

/** The error that a fault stands for. */
export function faultError({code, message, hint}: Fault): DekError {
  return new DekError(code, message, {hint});
}

/** Faults by line, one a line: of two the one in the later of these lists. */
export function inOrder(...lists: (readonly Fault[])[]): Fault[] {
  const byLine = new Map(lists.flat().map((fault) => [fault.line, fault]));
  return [...byLine.values()].sort((a, b) => a.line - b.line);
}
