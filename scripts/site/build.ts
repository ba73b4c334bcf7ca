/** The site, made of the tree: its files by their names. The same tree gives the same bytes. */

import {escaped} from '../draw/escape.js';
import {type Content, pageHtml} from './layout.js';
import {Links} from './links.js';
import type {Made} from './made.js';
import {manualPage} from './manual.js';
import {codeBox, markdownPage} from './markdown.js';
import {PAGES, PARTS, type Page} from './pages.js';
import {indexPage, searchIndex} from './search-index.js';
import {read} from './tree.js';

export function siteFiles(): Map<string, string> {
  const made = new Map<Page, Made>();
  const links = new Links(PAGES);
  const contents = PAGES.map((page): Content => {
    const {title, about, body} = contentOf(page);
    return {file: page.file, title, about, body: links.resolve(body, pathOf(page))};
  });
  const sources = [...links.sources].map(([file, path]): Content => {
    return {file, title: path, about: `The file ${path} of the project.`, body: codeBox(read(path))};
  });
  const all = [...contents, ...sources, indexPage(contents)];
  const files: [string, string][] = [
    ...all.map((content): [string, string] => [content.file, pageHtml(content, PARTS)]),
    ...links.pictures,
    ['style.css', read('scripts/site/style.css')],
    ['search.js', read('scripts/site/search.js')],
    ['search-index.js', searchIndex(contents)],
  ];
  const names = files.map(([name]) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new Error(`two files of the site have the name ${twice}`);
  return new Map(files);

  /** Makes each page once: a list of pages asks for what its pages are about. */
  function contentOf(page: Page): Made {
    const content = made.get(page) ?? make(page);
    made.set(page, content);
    return content;
  }

  function make({name, from}: Page): Made {
    if ('markdown' in from) return markdownPage(from.markdown, from.section);
    if ('manual' in from) return manualPage(from.manual);
    if ('make' in from) return from.make();
    const items = from.list.map((page) => {
      return `<dt><a href="${page.file}">${escaped(page.name)}</a></dt><dd>${escaped(contentOf(page).about)}</dd>`;
    });
    return {title: name, about: from.about, body: `<p>${escaped(from.about)}</p>\n<dl>\n${items.join('\n')}\n</dl>`};
  }
}

/** The file of the tree to which a page's links are relative. */
function pathOf({from}: Page): string {
  if ('markdown' in from) return from.markdown;
  return 'manual' in from ? from.manual : 'README.md';
}
