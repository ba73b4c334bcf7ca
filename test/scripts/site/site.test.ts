/** The site of the documents: whole, and every link of it leads somewhere. The browser's half: site.browser.ts. */
import fs from 'node:fs';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {siteFiles} from '../../../scripts/site/build.js';
import {Links} from '../../../scripts/site/links.js';
import {markdownToHtml} from '../../../scripts/site/markdown.js';
import {PAGES} from '../../../scripts/site/pages.js';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const files = siteFiles();
const pages = [...files].filter(([name]) => name.endsWith('.html'));
const idsOf = (html: string): string[] => [...html.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id!);

describe('the site', () => {
  it('has each page of docs/ and each manual page', () => {
    const made = PAGES.map(({from}) => ('markdown' in from ? from.markdown : 'manual' in from ? from.manual : ''));
    for (const [folder, ending] of [
      ['docs', '.md'],
      ['man', ''],
      ['client/man', ''],
      ['virtual-connectx/man', ''],
    ] as const) {
      const there = fs.readdirSync(ROOT + folder).filter((name) => name.endsWith(ending));
      expect(made).to.include.members(there.map((name) => `${folder}/${name}`));
    }
  });

  it('has in the navigation of each page what leads to all of them', () => {
    for (const [name, html] of pages) {
      const links = [...html.matchAll(/ href="([\w.-]+\.html)"/g)].map(([, file]) => file);
      expect(links, name).to.include.members(['index.html', 'start.html', 'commands.html', 'index-of-all.html']);
    }
  });

  it('has a title of its own and one h1 on each page, and no id twice', () => {
    const titles = pages.map(([name, html]) => {
      expect(html.match(/<h1[ >]/g), name).to.have.length(1);
      const ids = idsOf(html);
      expect(
        ids.filter((id, i) => ids.indexOf(id) !== i),
        name,
      ).to.deep.equal([]);
      return /<title>(.+)<\/title>/.exec(html)![1]!;
    });
    expect(titles.filter((title, i) => titles.indexOf(title) !== i)).to.deep.equal([]);
  });

  it('has headings without gaps between their levels', () => {
    for (const [name, html] of pages) {
      const levels = [...html.matchAll(/<h([1-6])/g)].map(([, level]) => Number(level));
      const jumps = levels.filter((level, i) => level > (levels[i - 1] ?? 0) + 1);
      expect(jumps, name).to.deep.equal([]);
    }
  });

  it('closes what it opens', () => {
    for (const [name, html] of pages) expect(unclosed(html), name).to.deep.equal([]);
  });

  it('has no link, picture or anchor that leads nowhere', () => {
    const broken = pages.flatMap(([name, html]) =>
      [...html.matchAll(/ (?:href|src|action)="([^"]*)"/g)].flatMap(([, link]) => {
        if (/^https?:\/\/\S+$/.test(link!)) return [];
        const [, file, id] = /^([^#]*)(?:#(.*))?$/.exec(link!)!;
        const target = files.get(file || name);
        if (target === undefined) return [`${name}: ${link}`];
        return id === undefined || idsOf(target).includes(decodeURIComponent(id)) ? [] : [`${name}: ${link}`];
      }),
    );
    expect(broken).to.deep.equal([]);
  });

  it('loads nothing from elsewhere', () => {
    for (const [name, html] of pages) {
      expect(html.match(/<(?:script|img|link|iframe)[^>]* (?:src|href)="(?:\w+:)?\/\/[^"]*"/g), name).to.equal(null);
    }
  });

  it('finds the sections that the index has, all of which are there', () => {
    let index: {sections: [string, string, string][]; words: Record<string, number[]>};
    new Function('searchIndex', files.get('search-index.js')!)((loaded: typeof index) => {
      index = loaded;
    });
    const {sections, words} = index!;
    for (const [href] of sections) {
      const [file, id] = href.split('#');
      if (id !== undefined) expect(idsOf(files.get(file!)!), href).to.include(id);
    }
    const found = (word: string): string[] => words[word]!.map((at) => sections[at]![0]);
    expect(found('rollback-index')).to.include('signed.html#no-way-back');
    expect(found('mlx5dek_find')).to.include('mlx5dek_find.3.html');
    expect(found('eopnotsupp')).to.include('explain.html#errnos-EOPNOTSUPP');
  });

  it('is the same each time', () => {
    expect([...siteFiles()]).to.deep.equal([...files]);
  });
});

describe('a page of the site', () => {
  it('shows code as it stands, and what is typed apart from what is printed', () => {
    const html = markdownToHtml('```\n$ dek list > a\nNAME <b>\n```\n');
    expect(html).to.include('<span class="prompt">$ </span><b>dek list > a</b>\nNAME &lt;b>');
    const two = markdownToHtml('```\n$ dek keygen \\\n    --keytag\n$ dek list   # which\nvol-1\n```\n');
    expect(two).to.include('<b>dek keygen \\\n    --keytag</b>');
    expect(two).to.include('<b>dek list</b><span class="remark">   # which</span>\nvol-1');
  });

  it('has the ids that GitHub makes of headings', () => {
    const html = markdownToHtml("## What `dek` isn't (yet)\n\n## Same\n\n## Same\n");
    expect(idsOf(html)).to.deep.equal(['what-dek-isnt-yet', 'same', 'same-1']);
  });

  it('is not made when a link leads to nothing, or it has HTML of its own', () => {
    const links = new Links(PAGES);
    const linked = (to: string): string => links.resolve(markdownToHtml(`[x](${to})`), 'docs/signed.md');
    expect(linked('custody.md#sources')).to.include('href="custody.html#sources"');
    expect(linked('virtual-connectx.md#what-it-assumes')).to.include('href="assumptions.html"');
    expect(linked('../client/mlx5dek.h')).to.include('href="client-mlx5dek.h.html"');
    expect(() => linked('no-such-page.md')).to.throw('docs/signed.md: the link "no-such-page.md" leads to nothing');
    expect(() => markdownToHtml('<div>x</div>\n')).to.throw('HTML of its own');
  });
});

const VOID = new Set(['meta', 'link', 'input', 'img', 'br', 'hr']);

/** Elements whose ends are missing or are somewhere else. */
function unclosed(html: string): string[] {
  const open: string[] = [];
  const faults: string[] = [];
  for (const [, end, name] of html.matchAll(/<(\/?)([a-z][a-z0-9]*)\b[^>]*>/g)) {
    if (VOID.has(name!)) continue;
    if (end === '') open.push(name!);
    else if (open.at(-1) === name) open.pop();
    else faults.push(`</${name}> after <${open.at(-1)}>`);
  }
  return [...faults, ...open.map((name) => `<${name}>`)];
}
