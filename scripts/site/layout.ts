/** What stands around the content of each page. */
import {escaped} from '../draw/escape.js';
import type {Page, Part} from './pages.js';

/** Of the alphabetical index, to which the search leads where no script runs. */
export const INDEX_FILE = 'index-of-all.html';

export interface Content {
  file: string;
  title: string;
  about: string;
  body: string;
}

export function pageHtml({file, title, about, body}: Content, parts: readonly Part[]): string {
  const head = file === 'index.html' ? `${title}: data encryption keys of ConnectX NICs` : `${title} - dek`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(head)}</title>
<meta name="description" content="${escaped(about)}">
<link rel="stylesheet" href="style.css">
<script src="search.js" defer></script>
</head>
<body>
<a class="skip" href="#site-content">To the content</a>
<header>
<a class="home" href="index.html">dek</a>
<form role="search" action="${INDEX_FILE}">
<input type="search" name="q" placeholder="Search" aria-label="Search" autocomplete="off" disabled>
<ol class="found" hidden></ol>
</form>
<a class="all" href="${INDEX_FILE}">Index</a>
<a class="menu" href="#site-pages">Pages</a>
</header>
<div class="columns">
<main id="site-content">
<h1>${escaped(title)}</h1>
${withContents(body)}
${neighbours(file, parts)}</main>
<nav id="site-pages" class="pages" aria-label="Pages">
${parts.map((part) => navigation(part, file)).join('\n')}
</nav>
</div>
</body>
</html>
`;
}

function navigation({heading, pages}: Part, current: string): string {
  const items = pages.map((page) => {
    const isHere = page.file === current;
    const isAbove = 'list' in page.from && page.from.list.some(({file}) => file === current);
    const mark = isHere ? ' aria-current="page"' : isAbove ? ' class="above"' : '';
    return `<li><a href="${page.file}"${mark}>${escaped(page.name)}</a></li>`;
  });
  return `<p>${escaped(heading)}</p>\n<ul>\n${items.join('\n')}\n</ul>`;
}

/** A page that has several sections lists them before the first. */
function withContents(body: string): string {
  const headings = [...body.matchAll(/<h2[^>]* id="([^"]+)">([\s\S]*?)<\/h2>/g)];
  if (headings.length < 3) return body;
  const items = headings.map(([, id, text]) => `<li><a href="#${id}">${text!.replace(/<[^>]+>/g, '')}</a></li>`);
  const list = `<nav class="contents" aria-label="On this page">\n<ul>\n${items.join('\n')}\n</ul>\n</nav>\n`;
  return body.replace(/(?:<section[^>]*>\s*)?<h2/, (first) => list + first);
}

/** Ways to the page before and the page after, for who reads on. */
function neighbours(file: string, parts: readonly Part[]): string {
  const pages = parts.flatMap((part) => part.pages);
  const at = pages.findIndex((page) => page.file === file);
  if (at < 0) return '';
  const way = (page: Page | undefined, rel: string): string =>
    page ? `<a rel="${rel}" href="${page.file}">${escaped(page.name)}</a>` : '<span></span>';
  const ways = way(pages[at - 1], 'prev') + way(pages[at + 1], 'next');
  return `<nav class="neighbours" aria-label="Before and after">${ways}</nav>\n`;
}
