/** How the report of `dek doctor` reads in a terminal: what is to be fixed first, each with the fix, on one screen. */
import type {Report, ReportLine} from '../../doctor/examine.js';
import {printable} from '../../printable.js';
import {ENDLESS, paint, type Screen} from './screen.js';
import {PAGE_WIDTH, wrapLines} from './wrap-lines.js';

const HOW = {fix: 'bad', unknown: 'bad', note: 'note', ok: 'good'} as const;
const MARKS = {fix: 'FIX', unknown: 'FIX', note: 'note', ok: 'ok'} as const;

/** The lines, of at most 80 columns. */
export function describeReport(report: Report, on: Screen = ENDLESS): string[] {
  const {lines, toFix, toNote} = report;
  const width = Math.min(PAGE_WIDTH, on.width);
  const wrap = (text: string, indent: string): string[] => wrapLines(printable(text), indent, width);
  const bad = lines.filter(({level}) => level === 'fix' || level === 'unknown');
  const notes = lines.filter(({level}) => level === 'note');
  const good = lines.filter(({level}) => level === 'ok');
  return [
    summary(toFix, toNote, lines.length),
    ...[...bad, ...notes].flatMap(({level, check, of, seen, text, fix}) => {
      const mark = MARKS[level];
      const [first, ...rest] = wrap(`${mark}  ${subject({check, of})}${text}`, '     ');
      return [
        paint(mark, HOW[level], on) + first!.slice(mark.length),
        ...rest,
        ...wrap(`     seen: ${seen}`, '           '),
        ...(fix === null ? [] : wrap(`     fix:  ${fix}`, '           ')),
      ];
    }),
    ...good.map((line) => paint('ok', HOW.ok, on) + cut(printable(`  ${subject(line)}${line.seen}`), width - 2)),
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
