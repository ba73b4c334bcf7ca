/** The jobs on lines of a manifest. */

import {fromHex, secretCopy, wipe} from '../../bytes.js';
import {type KeySize, layoutOf} from '../../dek-layout.js';
import type {Columns, Fingerprints, KeyColumn} from '../../manifest/columns.js';
import {type Fault, faultOf, inOrder, LineFault} from '../../manifest/fault.js';
import type {FormatVersion} from '../../manifest/fields/edition.js';
import type {Marks} from '../../manifest/fields/entry.js';
import {formatEntry} from '../../manifest/fields/entry.js';
import type {FingerprintKey} from '../../manifest/fingerprint.js';
import type {Lines} from '../../manifest/lines.js';
import {numberedName} from '../../manifest/names.js';
import {parseLines} from '../../manifest/parse-lines.js';
import {checkValuesOf} from '../../wrap/dcv/check-values.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import {countUnmarked, LineMarks, marksOf} from '../marks.js';
import {type BadKey, findEqualKeys, findOtherKeys, randomPlaintexts, unwrapAll} from '../plaintexts.js';

/** Lines of a manifest of this version, and the key for what duplicates are found by. */
export interface LinesInput extends Lines {
  version: FormatVersion;
  key: FingerprintKey;
}

/** What has come of some lines. */
export interface CheckedLines {
  /** In canonical form, without those at fault. */
  text: Uint8Array;
  /** How many lines went in. */
  count: number;
  /** The line of each DEK in `text`. */
  lines: Uint32Array;
  fingerprints: Fingerprints;
  /** At most one for each line, in their order. */
  faults: readonly Fault[];
  /** The lines whose DEK was unwrapped, and is whole, but key1 equals key2. */
  equal: readonly number[];
  /** How many of the lines that went in have no check value, or not all that goes with one. */
  unmarked: number;
}

/**
 * With `unwrap` each DEK is unwrapped too, and its marks compared with it; with `reveal` it is given out in plaintext:
 * one buffer for each layout that occurs.
 */
export async function checkLines(
  {version, key, unwrap, reveal, ...lines}: LinesInput & {unwrap: boolean; reveal: boolean},
  [kek]: readonly KekHandle[],
): Promise<CheckedLines & {plaintexts: Uint8Array[]}> {
  const columns = parseLines(lines, {version, key});
  const revealed: Uint8Array[] = [];
  const marks = unwrap && version > 1 ? new LineMarks(columns) : undefined;
  try {
    const found = unwrap
      ? await unwrapColumns(columns, kek!, (column, plaintexts) => {
          if (reveal) revealed.push(secretCopy(plaintexts));
          return marks?.compare(column, plaintexts) ?? [];
        })
      : {};
    return {...checked(columns, lines.count), ...found, plaintexts: revealed};
  } catch (error) {
    wipe(...revealed);
    throw error;
  }
}

/** The lines, of whichever version, with the marks of each DEK: as they stand in a manifest of version 2. */
export async function markLines(
  {version, key, ...lines}: LinesInput,
  [kek]: readonly KekHandle[],
): Promise<CheckedLines> {
  const columns = parseLines(lines, {version, key});
  const marks = new LineMarks(columns);
  const found = await unwrapColumns(columns, kek!, (column, plaintexts) => marks.compare(column, plaintexts));
  return {...checked(columns, lines.count), ...found, text: marks.complete()};
}

/** DEKs to be named, wrapped and put into lines. */
export interface NewLines {
  /** Of the manifest; since 2 the lines have marks. */
  version: FormatVersion;
  keySize: KeySize;
  keytag: boolean;
  /** `count` of them, to be wiped; random ones without. */
  plaintexts?: Uint8Array | undefined;
  /** The check values that these must have, 16 bytes each. */
  expected?: Uint8Array | undefined;
  /** Of random ones, in hex; without it they are random too. */
  keytagValue?: string | undefined;
  /** In hex. */
  opaque: string;
  pattern: string;
  /** The number in the first name. */
  number: number;
  /** The line of the first. */
  first: number;
  count: number;
  key: FingerprintKey;
}

/** New lines; none when a key is bad. Random DEKs are made where the KEK is, if it can: then they have no marks. */
export async function makeLines(input: NewLines, [kek]: readonly KekHandle[]): Promise<CheckedLines & {bad: BadKey[]}> {
  const {version, first, count, key} = input;
  const {wrapped, marks, bad} = await wrapNew(input, kek!);
  const lines = bad.length > 0 ? '' : linesOf(input, wrapped, marks);
  // What is written is what is read.
  const text = new Uint8Array(Buffer.from(lines));
  const columns = parseLines({text, first, count: bad.length > 0 ? 0 : count}, {version, key});
  return {...checked(columns, count), bad};
}

interface WrappedNew {
  wrapped: Uint8Array;
  /** Of each DEK, where lines have them and they are known. */
  marks: readonly Marks[];
  bad: BadKey[];
}

async function wrapNew(input: NewLines, kek: KekHandle): Promise<WrappedNew> {
  const {version, count, keytagValue, expected} = input;
  const layout = layoutOf(input.keySize, input.keytag);
  if (!input.plaintexts && kek.generate) {
    const names = Array.from({length: count}, (_, i) => numberedName(input.pattern, input.number + i));
    return {wrapped: await kek.generate(count, layout.plaintextBytes, names), marks: [], bad: []};
  }
  const plaintexts = input.plaintexts ?? randomPlaintexts(layout, count, keytagValue);
  try {
    const bad = findEqualKeys(plaintexts, layout);
    if (expected) {
      const {dcv} = checkValuesOf(plaintexts, layout, {hints: false});
      bad.push(...findOtherKeys(plaintexts, layout, dcv, expected));
    }
    const wrapped = await kek.wrap(plaintexts, layout.plaintextBytes);
    return {wrapped, marks: version > 1 && bad.length === 0 ? marksOf(plaintexts, layout) : [], bad};
  } finally {
    wipe(plaintexts);
  }
}

function linesOf(input: NewLines, wrapped: Uint8Array, marks: readonly Marks[]): string {
  const {keySize, keytag, count, pattern, number} = input;
  const {wrappedBytes} = layoutOf(keySize, keytag);
  const opaque = fromHex(input.opaque, 'opaque');
  let text = '';
  for (let i = 0; i < count; i++) {
    const key = wrapped.subarray(i * wrappedBytes, (i + 1) * wrappedBytes);
    const name = numberedName(pattern, number + i);
    text += `${formatEntry({name, keySize, keytag, opaque, wrapped: key, ...marks[i]})}\n`;
  }
  return text;
}

/** What has come of lines of which nothing was unwrapped. */
export function checked(columns: Columns, count: number): CheckedLines {
  const {text, lines, fingerprints, faults} = columns;
  return {text, count, lines, fingerprints, faults, equal: [], unmarked: countUnmarked(columns)};
}

/**
 * Calls `use` with each column in plaintext, which is wiped then. Returns the faults of the columns, those that `use`
 * returns and those of its keys, and the lines of the DEKs whose key1 equals key2.
 */
export async function unwrapColumns(
  {keys, lines, faults}: Columns,
  kek: KekHandle,
  use: (column: KeyColumn, plaintexts: Uint8Array) => readonly Fault[] | Promise<readonly Fault[]>,
): Promise<Pick<CheckedLines, 'faults' | 'equal'>> {
  const [used, more]: [Fault[], Fault[]] = [[], []];
  const equalLines: number[] = [];
  for (const column of keys) {
    if (column.members.length === 0) continue;
    const {plaintexts, bad, equal} = await unwrapAll(kek, column.wrapped, column.layout);
    const lineOf = (position: number): number => lines[column.members[position]!]!;
    try {
      more.push(...bad.map((key) => badLine(lineOf(key.position), key)));
      equalLines.push(...equal.map(lineOf));
      used.push(...(await use(column, plaintexts)));
    } finally {
      wipe(plaintexts);
    }
  }
  return {faults: inOrder(faults, used, more), equal: equalLines.sort((a, b) => a - b)};
}

/** The fault of a line whose key is no good. */
export function badLine(line: number, {code, message, hint}: BadKey): Fault {
  return faultOf(new LineFault(line, code, `wrapped: ${message}`, hint));
}
