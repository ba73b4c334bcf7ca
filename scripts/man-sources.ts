/** The list of sources in dek.1, from the table that messages and help have them from. Pure: the page in and out. */
import {SOURCES, WRAPPERS} from '../src/custody/sources/table.js';
import {escapeText, paragraphs} from './man-page.js';

const BEGIN = '.\\" Made by `npm run man`:\n';
const END = '.\\" As written by hand:\n';

/** The page with its list as the table has it. */
export function withSources(page: string): string {
  const [before, after] = [page.split(BEGIN)[0]!, page.split(END)[1]!];
  return `${before}${BEGIN}${list()}${END}${after}`;
}

function list(): string {
  const items = Object.values({...SOURCES, ...WRAPPERS}).map(({form, fullForm = form, is}) =>
    [`.It ${macros(fullForm)}`, ...paragraphs(is)].join('\n'),
  );
  return ['.Bl -tag -width "cred:NAME"', ...items, '.El', ''].join('\n');
}

/** `file:PATH` as a command word and its argument. */
function macros(form: string): string {
  if (form === '-') return 'Fl';
  const words = form.match(/[A-Z][A-Z ]*|[^A-Z]+/g) ?? [];
  return words
    .map((word) => (/^[A-Z]/.test(word) ? `Ar ${word}` : `Cm ${escapeText(word).replaceAll(':', '\\&:\\&')}`))
    .join(' Ns ');
}
