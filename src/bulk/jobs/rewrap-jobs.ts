/**
 * The jobs that take lines from one KEK to another, and look at what has come of it. Keys that pass between two KEKs of
 * one token stay in it: then nothing is known of them but their ciphertext, which key wrap, without anything random in
 * it, makes the same each time.
 */
import {createHash} from 'node:crypto';
import {viewOf} from '../../bytes.js';
import type {Columns, KeyColumn} from '../../manifest/columns.js';
import {type Fault, inOrder} from '../../manifest/fault.js';
import {writeBase64} from '../../manifest/fields/base64.js';
import {parseLines} from '../../manifest/parse-lines.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import {unwrapFailed} from '../../wrap/kw.js';
import {LineMarks} from '../marks.js';
import {badKey} from '../plaintexts.js';
import {badLine, type CheckedLines, checked, type LinesInput, unwrapColumns} from './line-jobs.js';

/**
 * From one KEK to the other. Lines of version 2 get the marks that they have not, where the keys are seen; those that
 * they have go along, as `checkLines` is there to compare them. The digest is that of the keys as the old lines have
 * them, in plaintext where they are seen, and of the new lines.
 */
export async function rewrapLines(
  {version, key, ...lines}: LinesInput,
  [from, to]: readonly KekHandle[],
): Promise<CheckedLines & {digest: Uint8Array}> {
  const columns = parseLines(lines, {version, key});
  const isWithin = from!.staysWithin?.(to!) ?? false;
  // Before it becomes another one: of the old lines, as the table of duplicates is.
  const result = checked(columns, lines.count);
  const marks = version > 1 && result.unmarked > 0 && !isWithin ? new LineMarks(columns) : undefined;
  const digest = createHash('sha256');
  const found = isWithin
    ? await rewrapColumns(columns, from!, to!, (column, wrapped) => {
        digest.update(column.wrapped);
        put(columns, column, wrapped);
      })
    : await unwrapColumns(columns, from!, async (column, plaintexts) => {
        digest.update(plaintexts);
        const faults = marks?.compare(column, plaintexts) ?? [];
        put(columns, column, await to!.wrap(plaintexts, column.layout.plaintextBytes));
        return faults;
      });
  const text = marks?.complete() ?? columns.text;
  return {...result, ...found, text, digest: digest.update(text).digest()};
}

/** The digest that `rewrapLines` gives of lines that it has made, from these lines alone. */
export async function digestLines(
  {version, ...lines}: Omit<LinesInput, 'key'>,
  [from, to]: readonly KekHandle[],
): Promise<{digest: Uint8Array; faults: readonly Fault[]}> {
  const columns = parseLines(lines, {version});
  const digest = createHash('sha256');
  const {faults} = from!.staysWithin?.(to!)
    ? await rewrapColumns(columns, to!, from!, (_, wrapped) => void digest.update(wrapped))
    : await unwrapColumns(columns, to!, (_, plaintexts) => {
        digest.update(plaintexts);
        return [];
      });
  return {digest: digest.update(columns.text).digest(), faults};
}

/** Calls `use` with each column as the other KEK has it. Returns the faults of the columns and those of its keys. */
async function rewrapColumns(
  {keys, lines, faults}: Columns,
  from: KekHandle,
  to: KekHandle,
  use: (column: KeyColumn, wrapped: Uint8Array) => void,
): Promise<Pick<CheckedLines, 'faults'>> {
  const more: Fault[] = [];
  for (const column of keys) {
    const {members, wrapped, layout} = column;
    if (members.length === 0) continue;
    const failed: number[] = [];
    use(column, await from.rewrap(to, wrapped, layout.plaintextBytes, failed));
    more.push(...failed.map((position) => badLine(lines[members[position]!]!, badKey(position, unwrapFailed()))));
  }
  return {faults: inOrder(faults, more)};
}

/** Puts wrapped keys in the place of those that the lines of a column have. */
export function put({text, wrappedAt}: Columns, {layout, members}: KeyColumn, wrapped: Uint8Array): void {
  const [target, bytes] = [viewOf(text), viewOf(wrapped)];
  for (let k = 0; k < members.length; k++) {
    writeBase64(bytes, k * layout.wrappedBytes, layout.wrappedBytes, target, wrappedAt[members[k]!]!);
  }
}
