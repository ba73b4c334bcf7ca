/** How the report of `dek doctor` reads in a terminal: what is to be fixed first, each with the fix, on one screen. */
import type {Report, ReportLine} from '../../doctor/examine.js';
import {printable} from '../../printable.js';
import {wrapLines} from './wrap-lines.js';

/** Columns of a line. */
const WIDTH = 80;

const COLOURS = {fix: 31, unknown: 31, note: 33, ok: 32} as const;
const MARKS = {fix: 'FIX', unknown: 'FIX', note: 'note', ok: 'ok'} as const;

/** The lines; with `colour` the marks have one. */
export function describeReport(report: Report, colour: boolean): string[] {
  const {lines, toFix, toNote} = report;
  const paint = (level: ReportLine['level'], text: string): string =>
    colour ? `\x1b[${COLOURS[level]}m${text}\x1b[0m` : text;
  const bad = lines.filter(({level}) => level === 'fix' || level === 'unknown');
  const notes = lines.filter(({level}) => level === 'note');
  const good = lines.filter(({level}) => level === 'ok');
  return [
    summary(toFix, toNote, lines.length),
    ...[...bad, ...notes].flatMap(({level, check, of, seen, text, fix}) => {
      const mark = MARKS[level];
      const [first, ...rest] = wrapLines(printable(`${mark}  ${subject({check, of})}${text}`), '     ');
      return [
        paint(level, mark) + first!.slice(mark.length),
        ...rest,
        ...wrapLines(printable(`     seen: ${seen}`), '           '),
        ...(fix === null ? [] : wrapLines(printable(`     fix:  ${fix}`), '           ')),
      ];
    }),
    ...good.map((line) => paint('ok', 'ok') + cut(printable(`  ${subject(line)}${line.seen}`), WIDTH - 2)),
  ];
}

function summary(toFix: number, toNote: number, all: number): string {
  const notes = toNote === 0 ? '' : `, ${toNote} to note`;
  if (toFix === 0) return `nothing to fix${notes} (${all} things looked at)`;
  return `${toFix} to fix${notes} (${all} things looked at); begin with the first`;
}

function subject({check, of}: Pick<ReportLine, 'check' | 'of'>): string {
  return of === null ? `${check}: ` : `${check} ${of}: `;
}

function cut(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 3)}...`;
}
