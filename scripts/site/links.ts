/** Links of the tree as links of the site. One that leads nowhere is an error. */
import fs from 'node:fs';
import {posix} from 'node:path';
import {escaped} from '../draw/escape.js';
import {headingId} from './markdown.js';
import type {Page} from './pages.js';
import {ROOT} from './tree.js';

/** Turns the links of pages around, and remembers what else the site needs for them. */
export class Links {
  /** Files of the tree that are shown as they are, by the page that shows them. */
  readonly sources = new Map<string, string>();
  /** Pictures, by their file in the site. */
  readonly pictures = new Map<string, string>();
  readonly #files: ReadonlySet<string>;
  /** By what they are made of: a file of the tree, or FILE#SECTION. */
  readonly #pages: ReadonlyMap<string, Page>;

  constructor(pages: readonly Page[]) {
    this.#files = new Set(pages.map(({file}) => file));
    const made = pages.flatMap((page): [string, Page][] => {
      const {from} = page;
      if ('manual' in from) return [[from.manual, page]];
      if (!('markdown' in from)) return [];
      return [[from.markdown + (from.section === undefined ? '' : `#${headingId(from.section)}`), page]];
    });
    this.#pages = new Map(made);
  }

  /** The HTML of a page that was made of this file, with the links of the site. */
  resolve(html: string, path: string): string {
    const folder = posix.dirname(path);
    return this.#named(html)
      .replace(/<a([^>]*?) href="([^"]*)"([^>]*)>([\s\S]*?)<\/a>/g, (whole, before, href, after, text) => {
        if (/^(https?:|#)/.test(href)) return whole;
        if (/^[\w.-]+\.\d\w*\.html$/.test(href) && !this.#files.has(href)) return `<span class="Xr">${text}</span>`;
        const [target, name] = this.#target(href, folder, path);
        const isPath = /^[\w./-]+\.md$/.test(text) && name !== undefined;
        return `<a${before} href="${escaped(target)}"${after}>${isPath ? escaped(name) : text}</a>`;
      })
      .replace(/<img src="([^"]*)"([^>]*)>/g, (_, href: string, rest: string) =>
        this.#picture(href, rest, folder, path),
      );
  }

  /** Where a link leads, and the name of that page. */
  #target(href: string, folder: string, path: string): [file: string, name?: string] {
    if (this.#files.has(href.replace(/#.*$/, ''))) return [href];
    const [, to = '', anchor = ''] = /^([^#]*)(#.*)?$/.exec(href)!;
    const wanted = posix.normalize(posix.join(folder, to));
    const section = this.#pages.get(wanted + anchor);
    if (section) return [section.file, section.name];
    const page = this.#pages.get(wanted);
    if (page) return [page.file + anchor, page.name];
    if (!fs.statSync(ROOT + wanted, {throwIfNoEntry: false})?.isFile()) {
      throw new Error(`${path}: the link "${href}" leads to nothing that is in the tree`);
    }
    const file = `${wanted.replaceAll('/', '-')}.html`;
    this.sources.set(file, wanted);
    return [file];
  }

  /** A picture in a box that scrolls where it would be too small to be read, and leads to itself in full size. */
  #picture(href: string, rest: string, folder: string, path: string): string {
    const wanted = posix.normalize(posix.join(folder, href));
    const svg = fs.readFileSync(ROOT + wanted, 'utf8');
    const size = /viewBox="0 0 (\d+) (\d+)"/.exec(svg);
    if (!size) throw new Error(`${path}: ${href} is no SVG of a size`);
    const file = posix.basename(wanted);
    this.pictures.set(file, svg);
    const image = `<img src="${file}" width="${size[1]}" height="${size[2]}" style="--width: ${size[1]}px"${rest}>`;
    return `<span class="picture" tabindex="0"><a href="${file}">${image}</a></span>`;
  }

  /** What text names, `dek-run(1)` or docs/fleet.md, as links. */
  #named(html: string): string {
    let inside = 0;
    return html.replace(/<(\/?)(a|pre|h\d)\b[^>]*>|<[^>]*>|[^<]+/g, (piece, end: string, tag: string) => {
      if (tag) inside += end ? -1 : 1;
      if (piece.startsWith('<') || inside > 0) return piece;
      return piece
        .replace(/\b([a-z][\w-]*)\((\d)\)/g, (whole, name, section) =>
          this.#files.has(`${name}.${section}.html`) ? `<a href="${name}.${section}.html">${whole}</a>` : whole,
        )
        .replace(/\b(?:docs|bench|vectors)\/[\w-]+\.md\b/g, (whole) => {
          const page = this.#pages.get(whole);
          return page ? `<a href="${page.file}">${escaped(page.name)}</a>` : whole;
        });
    });
  }
}
