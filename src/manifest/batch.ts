/** Many lines of a manifest at once: those in canonical form as they stand, any others by way of the careful parser of entry.ts. */
import {DekError} from '../errors.js';
import {type Columns, parseCanonical} from './canonical.js';
import {formatEntry, parseEntry} from './entry.js';
import {type Fault, faultOf, LineFault} from './fault.js';
import type {Lines} from './lines.js';

/** The DEKs of some lines. `text` has them in canonical form, without the lines that are at fault. */
export interface Batch extends Columns {
  /** The line of each DEK. */
  readonly lines: Uint32Array;
  /** Of the lines left out, in their order. */
  readonly faults: readonly Fault[];
}

/** What `lines` hold. Line by line it is what `parseEntry` says. */
export function parseLines({text, first, count}: Lines): Batch {
  const plain = parseCanonical(text, count);
  if (!plain) return parseCarefully(text, first);
  const lines = new Uint32Array(count);
  for (let i = 0; i < count; i++) lines[i] = first + i;
  return {...plain, lines, faults: []};
}

function parseCarefully(text: Uint8Array, first: number): Batch {
  const [good, lines, faults]: [string[], number[], Fault[]] = [[], [], []];
  const texts = Buffer.from(text.buffer, text.byteOffset, text.length).toString('latin1').split('\n').slice(0, -1);
  for (const [i, line] of texts.entries()) {
    try {
      good.push(`${formatEntry(parseEntry(line, first + i))}\n`);
      lines.push(first + i);
    } catch (error) {
      if (!(error instanceof LineFault)) throw error;
      faults.push(faultOf(error));
    }
  }
  const plain = parseCanonical(new Uint8Array(Buffer.from(good.join(''), 'latin1')), good.length);
  if (plain) return {...plain, lines: Uint32Array.from(lines), faults};
  throw new DekError(
    'INTERNAL',
    `lines ${first} to ${first + texts.length - 1}: a line in canonical form is not taken for one`,
  );
}
