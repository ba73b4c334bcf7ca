/**
 * Prints what scripts/package/try found, as tables of Markdown, and puts them into a document, between two marks:
 *
 *     table.js FOLDER [DOCUMENT]
 *
 * The files of FOLDER, WAY.SUITE-ARCHITECTURE, have a line a check: `NAME: RESULT`.
 */
import {readdirSync, readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

/** What one way of installing came to in one root. */
export interface Trial {
  way: string;
  root: string;
  results: ReadonlyMap<string, string>;
}

const BEGIN = '<!-- made by npm run test:package -->\n';
const END = '<!-- end -->\n';
/** The checks in the order of their columns; what else a trial has is a measurement. */
const CHECKS = ['install', 'main job', 'selftest', 'units', 'man', 'completion', 'libmlx5dek', 'removal'];
const WAYS = ['deb', 'tarball', 'rpm', 'image', 'npm', 'virtual-connectx'];
const SUITES = ['bookworm', 'trixie', 'sid'];
const SUITE_NAMES: Readonly<Record<string, string>> = {bookworm: 'Debian 12'};

/** The trials as tables: what passed, what was measured, and how long the ways of installing take to start. */
export function tables(trials: readonly Trial[]): string {
  const sorted = trials.filter(({way}) => way !== 'start-up').sort((a, b) => rank(a) - rank(b));
  const checks = CHECKS.filter((name) => sorted.some(({results}) => results.has(name)));
  const measured = [...new Set(sorted.flatMap(({results}) => [...results.keys()]))].filter((n) => !checks.includes(n));
  return [
    ...[checks, measured].filter((names) => names.length > 0).map((names) => table(names, sorted)),
    ...trials.filter(({way}) => way === 'start-up').map(startUps),
  ].join('\n');
}

/** A document with another text between its marks. */
export function withTables(document: string, text: string): string {
  const [before, after] = [document.split(BEGIN)[0]!, document.split(END)[1]];
  if (after === undefined) throw new Error('the document has no marks for what is made by npm run test:package');
  return `${before}${BEGIN}\n${text}\n${END}${after}`;
}

function table(names: readonly string[], trials: readonly Trial[]): string {
  const rows = trials
    .filter(({results}) => names.some((name) => results.has(name)))
    .map(({way, root, results}) => [`${way}, ${titleOf(root)}`, ...names.map((name) => results.get(name) ?? '')]);
  return [['', ...names], names.concat('').map(() => '---'), ...rows].map((row) => `| ${row.join(' | ')} |\n`).join('');
}

/** What scripts/package/start-up.ts printed. */
function startUps({root, results}: Trial): string {
  const rows = [
    [`from fork to exit, ${titleOf(root)}`, 'median', 'times the first', 'of processors', 'times the first'],
    ['---', '---', '---', '---', '---'],
    ...results,
  ];
  return rows.map((row) => `| ${row.join(' | ')} |\n`).join('');
}

/** `bookworm-amd64`: `Debian 12, amd64`. */
function titleOf(root: string): string {
  const [suite = '', architecture = ''] = root.split('-');
  return `${SUITE_NAMES[suite] ?? suite}, ${architecture}${architecture === 'arm64' ? ' (qemu-user)' : ''}`;
}

function rank({way, root}: Trial): number {
  const [suite = '', architecture] = root.split('-');
  return WAYS.indexOf(way) * 100 + (architecture === 'amd64' ? 0 : 10) + SUITES.indexOf(suite);
}

function readTrial(folder: string, file: string): Trial {
  const [way = '', root = ''] = file.split('.');
  const lines = readFileSync(join(folder, file), 'utf8').trimEnd().split('\n');
  return {
    way,
    root,
    results: new Map(lines.map((line) => /^(.*?): (.*)$/.exec(line)!.slice(1, 3) as [string, string])),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [folder, document] = process.argv.slice(2) as [string, string?];
  const text = tables(readdirSync(folder).map((file) => readTrial(folder, file)));
  process.stdout.write(text);
  if (document !== undefined) writeFileSync(document, withTables(readFileSync(document, 'utf8'), text));
}
