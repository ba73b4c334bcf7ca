/** Names and wrapped keys that stand twice in a manifest. */
import type {Columns} from './columns.js';
import {type Fault, fault, faultOf} from './fault.js';
import {FINGERPRINT_WORDS} from './fingerprint.js';
import {FingerprintTable} from './fingerprint-table.js';

/** What came before. */
export interface Tables {
  readonly names: FingerprintTable;
  readonly keys: FingerprintTable;
}

/** What stands twice. */
export interface Duplicate extends Fault {
  field: 'name' | 'wrapped';
  /** The line that has it already. */
  before: number;
}

/** Tables grow from there when that many DEKs have come: the size of a file with holes tells nothing. */
const MAX_EXPECTED = 2 ** 24;

/** Empty ones, with room for `expected` DEKs before they grow. */
export function newTables(expected?: number): Tables {
  return {names: new FingerprintTable(expected), keys: new FingerprintTable(expected)};
}

/**
 * How many DEKs to expect of a manifest of about `bytes`, 0 when that is not known, of which some lines have come.
 * Tables of the right size at once take less time than those that grow, and leave less behind.
 */
export function expectedDeks(bytes: number, {text, lines}: {text: Uint8Array; lines: Uint32Array}): number {
  return Math.min(Math.ceil((bytes / (text.length + 1)) * lines.length) + lines.length, MAX_EXPECTED);
}

/** The faults of the DEKs whose name or wrapped key stood in an earlier line. */
export function findDuplicates(
  {lines, fingerprints: {names, keys}}: Pick<Columns, 'lines' | 'fingerprints'>,
  tables: Tables,
): Duplicate[] {
  const faults: Duplicate[] = [];
  tables.names.fetch(names);
  tables.keys.fetch(keys);
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    const sameName = tables.names.add(names, i * FINGERPRINT_WORDS, line);
    // Key wrap is deterministic: the same bytes are the same DEK.
    const sameKey = sameName > 0 ? 0 : tables.keys.add(keys, i * FINGERPRINT_WORDS, line);
    if (sameName > 0) faults.push(standsTwice(line, 'name', sameName));
    else if (sameKey > 0) faults.push(standsTwice(line, 'wrapped', sameKey));
  }
  return faults;
}

function standsTwice(line: number, field: Duplicate['field'], before: number): Duplicate {
  return {...faultOf(fault(line, field, `stands in line ${before} already`)), field, before};
}
