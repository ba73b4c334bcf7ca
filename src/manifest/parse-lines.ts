/**
 * Many lines of a manifest at once: those in canonical form as they stand, any others by way of the careful parser of
 * entry.ts.
 */
import {DekError} from '../errors.js';
import {parseCanonical} from './canonical.js';
import type {Columns} from './columns.js';
import {type Fault, faultOf, LineFault} from './fault.js';
import type {FormatVersion} from './fields/edition.js';
import {formatEntry, parseEntry} from './fields/entry.js';
import {type FingerprintKey, keyFingerprintsOf, nameFingerprintsOf} from './fingerprint.js';
import type {Lines} from './lines.js';

const NONE = new Int32Array();

/** How lines are read. */
export interface ParseOptions {
  version: FormatVersion;
  /** What fingerprints are made with; without it there are none. */
  key?: FingerprintKey | undefined;
  /** Whether names have them too. */
  names?: boolean | undefined;
}

/** What `lines` hold. Line by line it is what `parseEntry` says. */
export function parseLines({text, first, count}: Lines, {version, key, names = true}: ParseOptions): Columns {
  const columns = parseBoth(text, first, count, version);
  if (!key) return {...columns, fingerprints: {names: NONE, keys: NONE}};
  const keys = keyFingerprintsOf(columns, key);
  return {...columns, fingerprints: {names: names ? nameFingerprintsOf(columns, key) : NONE, keys}};
}

function parseBoth(
  text: Uint8Array,
  first: number,
  count: number,
  version: FormatVersion,
): Omit<Columns, 'fingerprints'> {
  const canonical = parseCanonical(text, count, version);
  if (!canonical) return parseCarefully(text, first, version);
  const lines = new Uint32Array(count);
  for (let i = 0; i < count; i++) lines[i] = first + i;
  return {...canonical, lines, faults: []};
}

function parseCarefully(text: Uint8Array, first: number, version: FormatVersion): Omit<Columns, 'fingerprints'> {
  const [good, lines, faults]: [string[], number[], Fault[]] = [[], [], []];
  const texts = Buffer.from(text.buffer, text.byteOffset, text.length).toString('latin1').split('\n').slice(0, -1);
  for (const [i, line] of texts.entries()) {
    try {
      good.push(`${formatEntry(parseEntry(line, first + i, version))}\n`);
      lines.push(first + i);
    } catch (error) {
      if (!(error instanceof LineFault)) throw error;
      faults.push(faultOf(error));
    }
  }
  const canonical = parseCanonical(new Uint8Array(Buffer.from(good.join(''), 'latin1')), good.length, version);
  if (canonical) return {...canonical, lines: Uint32Array.from(lines), faults};
  throw new DekError(
    'INTERNAL',
    `lines ${first} to ${first + texts.length - 1}: a line in canonical form is not taken for one`,
  );
}
