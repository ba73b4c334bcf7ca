/** Rows in columns that line up, for text output, and no wider than what they are written on. */
import {ENDLESS, type Screen, shortened} from './screen.js';
import {wrapLines} from './wrap-lines.js';

const GAP = 2;
/** A cell is shortened to this before a column is left out for it... */
const GOOD_CELL = 28;
/** ...and to this when there is no column left that may be. */
const LEAST_CELL = 5;

/** What a table may do without. */
export interface TableOptions {
  readonly on?: Screen | undefined;
  /** The headings of columns that may be left out where there is no room, the least important first. */
  readonly least?: readonly string[];
}

/**
 * The lines of a table: a heading, then the rows. Columns are as wide as their longest cell, two spaces apart. Where
 * that is too wide, the longest cells lose their middle; then columns are left out.
 */
export function tableLines(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  {on = ENDLESS, least = []}: TableOptions = {},
): string[] {
  let columns = [...heading.keys()];
  const all = [heading, ...rows];
  const natural = heading.map((_, column) => all.reduce((most, row) => Math.max(most, row[column]?.length ?? 0), 0));
  const widthsFor = (atLeast: number): number[] =>
    narrowed(
      columns.map((column) => natural[column]!),
      on.width,
      atLeast,
    );
  let widths = widthsFor(GOOD_CELL);
  for (const name of least) {
    if (total(widths) <= on.width) break;
    columns = columns.filter((column) => heading[column] !== name);
    widths = widthsFor(GOOD_CELL);
  }
  if (total(widths) > on.width) widths = widthsFor(LEAST_CELL);
  return all.map((row) => {
    const cells = columns.map((column, i) => shortened(row[column] ?? '', widths[i]!).padEnd(widths[i]!));
    return cells.join(' '.repeat(GAP)).trimEnd().slice(0, on.width);
  });
}

/** The lines of facts, `name: value` with the values in one column; one that is too long goes on below itself. */
export function factLines(facts: readonly (readonly [name: string, value: string])[], on: Screen = ENDLESS): string[] {
  const width = Math.max(...facts.map(([name]) => name.length)) + 1;
  const room = Math.max(LEAST_CELL, on.width - width - GAP);
  return facts.flatMap(([name, value]) => {
    const words = value.replace(/\S+/g, (word) => shortened(word, room));
    const margin = ' '.repeat(width + GAP);
    return wrapLines(`${`${name}:`.padEnd(width)}  ${words}`, margin, on.width);
  });
}

/** The widest are made narrower, evenly, down to `atLeast`, until all fit into `room` or none is wider than that. */
function narrowed(widths: number[], room: number, atLeast: number): number[] {
  const next = [...widths];
  while (total(next) > room) {
    const widest = Math.max(...next);
    if (widest <= atLeast) break;
    next[next.indexOf(widest)] = widest - 1;
  }
  return next;
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width + GAP, -GAP);
}
