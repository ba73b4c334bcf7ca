/**
 * What the search finds: the sections of all pages with their words. And the same by the alphabet, as a page, for who
 * has no scripts.
 */
import {escaped, unescaped} from '../draw/escape.js';
import {type Content, INDEX_FILE} from './layout.js';

/** A piece of a page that can be linked to: a section, or the rows of a table that are about a word. */
interface Found {
  /** `officer.html#loss` */
  href: string;
  page: string;
  /** Its heading; that of a page itself is ''. */
  heading: string;
  text: string;
}

/** Headings that all manual pages have say nothing about where they lead: what stands there is the page's. */
const COMMON = /^(NAME|SYNOPSIS|DESCRIPTION|EXIT STATUS|EXAMPLES?|SEE ALSO|FILES|ENVIRONMENT|RETURN VALUES|ERRORS)$/;

function sectionsOf({file, title, body}: Content): Found[] {
  const [before, ...rest] = body.split(/(?=<(?:h[23]|th)[^>]* id=")/);
  const sections = rest.map((html): Found => {
    const [, id, heading] = /^<\w+[^>]* id="([^"]+)"[^>]*>([\s\S]*?)<\/(?:h[23]|th)>/.exec(html)!;
    return {href: `${file}#${id}`, page: title, heading: textOf(heading!), text: textOf(html)};
  });
  const own = sections.filter(({heading}) => COMMON.test(heading)).map(({text}) => text);
  const page = {href: file, page: title, heading: '', text: [title, textOf(before!), ...own].join(' ')};
  return [page, ...sections.filter(({heading}) => !COMMON.test(heading))];
}

/** A script that hands the index to search.js, so that it can be loaded from a disk as well. */
export function searchIndex(contents: readonly Content[]): string {
  const found = contents.flatMap(sectionsOf);
  const words = new Map<string, number[]>();
  for (const [i, {text}] of found.entries()) {
    for (const word of new Set(text.toLowerCase().match(/[a-z0-9_]+(?:[-.:][a-z0-9_]+)*/g))) {
      for (const part of new Set([word, ...word.split(/[-.:]/)])) {
        if (part.length < 2) continue;
        const at = words.get(part) ?? [];
        if (at.at(-1) !== i) at.push(i);
        words.set(part, at);
      }
    }
  }
  const sections = found.map(({href, page, heading}) => [href, page, heading]);
  return `searchIndex(${JSON.stringify({sections, words: Object.fromEntries([...words].sort(byName))})});\n`;
}

/** The index as a page: every heading, by its first letter. */
export function indexPage(contents: readonly Content[]): Content {
  const named = contents
    .flatMap(sectionsOf)
    .map(({href, page, heading}): [string, string, string] =>
      heading === '' ? [page, href, ''] : [heading, href, page],
    );
  const sorted = named.sort(byName);
  const letters = [...new Set(sorted.map(([name]) => letterOf(name)))];
  const body = letters.map((letter) => {
    const of = sorted.filter(([name]) => letterOf(name) === letter);
    const items = of.map(
      ([name, href, page]) =>
        `<li><a href="${href}">${escaped(name)}</a>${page && ` <small>${escaped(page)}</small>`}</li>`,
    );
    return `<h2 id="letter-${letter.toLowerCase()}">${letter}</h2>\n<ul class="index">\n${items.join('\n')}\n</ul>`;
  });
  return {file: INDEX_FILE, title: 'Index', about: 'Every page and section, by the alphabet.', body: body.join('\n')};
}

function letterOf(name: string): string {
  const letter = /[a-z0-9]/i.exec(name)?.[0] ?? '0';
  return /\d/.test(letter) ? '0-9' : letter.toUpperCase();
}

function byName([a]: readonly [string, ...unknown[]], [b]: readonly [string, ...unknown[]]): number {
  const [x, y] = [a, b].map((name) => name.toLowerCase().replace(/^[^a-z0-9]+/, ''));
  return x! < y! ? -1 : x! > y! ? 1 : 0;
}

function textOf(html: string): string {
  const bare = html.replace(/<\/?(?:p|li|td|th|pre|div|h\d|dt|dd|tr|br)\b[^>]*>/g, ' ').replace(/<[^>]+>/g, '');
  return unescaped(bare).replace(/\s+/g, ' ').trim();
}
