/** Markdown as HTML: headings with the ids by which GitHub links to them, tables and code in boxes that scroll. */
import {Marked, type Tokens} from 'marked';
import {escaped} from '../draw/escape.js';
import type {Made} from './made.js';
import {read} from './tree.js';

/** A file of Markdown as a page; of `section` alone, if there is one, which has its heading as the title then. */
export function markdownPage(path: string, section?: string): Made {
  const text = section === undefined ? read(path) : sectionOf(read(path), section, path);
  const [, title, rest] = /^#+ (.+)\n([\s\S]*)$/.exec(text) ?? [];
  if (title === undefined) throw new Error(`${path} does not begin with a heading`);
  return {title: plain(title), about: plain(firstParagraph(rest!)), body: markdownToHtml(rest!)};
}

/** Text of a section's heading and what stands below it, up to the next heading of its level. */
function sectionOf(text: string, heading: string, path: string): string {
  const found = new RegExp(`^## ${heading}\\n[\\s\\S]*?(?=^## |$(?![\\s\\S]))`, 'm').exec(text);
  if (!found) throw new Error(`${path} has no section "${heading}"`);
  return found[0];
}

export function markdownToHtml(text: string): string {
  const ids = new Map<string, number>();
  const marked = new Marked({
    renderer: {
      heading({tokens, depth, text}: Tokens.Heading) {
        const id = unused(headingId(plain(text)), ids);
        const anchor = `<a class="permalink" href="#${id}">${this.parser.parseInline(tokens)}</a>`;
        return `<h${depth} id="${id}">${anchor}</h${depth}>\n`;
      },
      code({text}: Tokens.Code) {
        return `${codeBox(text)}\n`;
      },
      image({href, text}: Tokens.Image) {
        return `<img src="${escaped(href)}" alt="${escaped(text)}">`;
      },
      html({text}: Tokens.HTML | Tokens.Tag) {
        if (/^<!--[\s\S]*?-->\s*$/.test(text)) return '';
        throw new Error(`Markdown has HTML of its own: ${text.trim()}`);
      },
    },
  });
  const html = marked.parse(text, {async: false});
  return html.replace(/<table>[\s\S]*?<\/table>/g, (table) => scrolling(modern(table)));
}

/** A table as HTML has it today: no attribute that is for style, and no empty cell that says it is a heading. */
function modern(table: string): string {
  return table.replace(/ align="(\w+)"/g, ' class="$1"').replace(/<th([^>]*)><\/th>/g, '<td$1></td>');
}

/** Code in a box of its own; what is typed in a terminal stands out from what is printed, and from remarks. */
export function codeBox(text: string): string {
  const code = isSession(text) ? escaped(text).replace(/^(\w*[$#] )((?:.+\\\n)*.+)$/gm, typed) : escaped(text);
  return `<pre tabindex="0"><code>${code}</code></pre>`;
}

function typed(_: string, prompt: string, command: string): string {
  const [, words, remark = ''] = /^([\s\S]*?)( {2,}# .*)?$/.exec(command)!;
  return `<span class="prompt">${prompt}</span><b>${words}</b>${remark && `<span class="remark">${remark}</span>`}`;
}

/** Whether it shows prompts: a comment of a shell script begins like root's. */
function isSession(text: string): boolean {
  return /^\w*\$ |^# dek /m.test(text);
}

/** What may be wider than a phone scrolls by itself, also by keyboard. */
export function scrolling(html: string): string {
  return `<div class="scroll" tabindex="0">${html}</div>`;
}

/** The id of a heading as GitHub makes it: lower case, no punctuation, a hyphen for a space. */
export function headingId(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

/** With a number behind it if it was there before on this page, as GitHub does as well. */
function unused(id: string, ids: Map<string, number>): string {
  const before = ids.get(id) ?? 0;
  ids.set(id, before + 1);
  return before === 0 ? id : `${id}-${before}`;
}

function firstParagraph(text: string): string {
  const paragraphs = text.split(/\n{2,}/).map((paragraph) => paragraph.trim());
  return paragraphs.find((paragraph) => /^[\w*`"]/.test(paragraph)) ?? '';
}

/** Markdown of a line or a paragraph without its marks. */
function plain(text: string): string {
  return text
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/[`*]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
}
