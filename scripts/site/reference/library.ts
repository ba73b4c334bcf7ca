/** The names that a module of the package exports, from the comments in its declarations. */
import {escaped} from '../../draw/escape.js';
import type {Made} from '../made.js';
import {codeBox} from '../markdown.js';
import {ROOT, read} from '../tree.js';
import {type Declaration, exportsOf} from './declarations.js';

const KINDS: readonly (readonly [heading: string, kinds: readonly Declaration['kind'][]])[] = [
  ['Functions', ['function']],
  ['Values', ['const']],
  ['Classes and interfaces', ['class', 'interface']],
  ['Types', ['type']],
];

/** The page of a module: `mlx5-dek`, `mlx5-dek/virtual`. */
export function libraryPage(module: string): Made {
  const {exports} = JSON.parse(read('package.json')) as {exports: Record<string, {types: string}>};
  const declared = exportsOf(ROOT + exports[module.replace('mlx5-dek', '.')]!.types);
  const parts = KINDS.map(([heading, kinds]) => {
    const of = declared.filter(({kind}) => kinds.includes(kind)).sort((a, b) => (a.name < b.name ? -1 : 1));
    return of.length === 0 ? '' : `<h2 id="${headingId(heading)}">${heading}</h2>\n${of.map(entry).join('\n')}`;
  });
  const begin = `<p>What a program imports from <code>${module}</code>, with the comments of its declarations, which an
editor shows as well. Sizes are in bytes where nothing else is said.</p>`;
  return {
    title: module,
    about: `Every name that ${module} exports.`,
    body: [begin, ...parts].filter(Boolean).join('\n'),
  };

  function entry(declaration: Declaration): string {
    const {name, comment, text, members} = declaration;
    const listed = members.filter((member) => member.name !== 'constructor');
    const isListed = listed.some((member) => member.comment !== '');
    return [
      `<h3 id="${name}"><a class="permalink" href="#${name}">${name}</a></h3>`,
      codeBox(tidy(isListed ? `${text.slice(0, text.indexOf('{')).trim()}` : text)),
      explained(comment),
      ...(isListed ? ['<dl class="members">', ...listed.map(member), '</dl>'] : []),
    ].join('\n');
  }

  function member({comment, text}: Declaration): string {
    return `<dt>${codeBox(tidy(text))}</dt><dd>${explained(comment)}</dd>`;
  }

  /** A comment's text, then its parameters, what it returns and what it throws. */
  function explained(comment: string): string {
    const [words = '', ...tags] = textOf(comment).split(/^@/m);
    const items = tags.map((tag) => {
      const [, kind, name, rest] = /^(param|returns|throws|\w+)\s+(?:(?<=param\s)(\w+)\s+)?([\s\S]*)$/.exec(tag)!;
      return `<dt>${name ? `<code>${name}</code>` : kind}</dt><dd>${inline(rest!.replace(/^- /, ''))}</dd>`;
    });
    const paragraphs = words
      .trim()
      .split(/\n\n+/)
      .filter((text) => text !== '')
      .map((text) => `<p>${inline(text)}</p>`);
    return [...paragraphs, ...(items.length > 0 ? ['<dl class="tags">', ...items, '</dl>'] : [])].join('\n');
  }

  function inline(text: string): string {
    const names = new Set(declared.map(({name}) => name));
    const link = (name: string): string => (names.has(name) ? `<a href="#${name}"><code>${name}</code></a>` : '');
    return escaped(text.trim())
      .replace(/\{@link (\w+)[^}]*\}/g, (_, name: string) => link(name) || `<code>${name}</code>`)
      .replace(/`([^`]+)`/g, (_, code: string) => link(code) || `<code>${code}</code>`);
  }
}

function textOf(comment: string): string {
  return comment
    .replace(/^\s*\/\*\*|\*\/\s*$/g, '')
    .replace(/^\s*\* ?/gm, '')
    .trim();
}

/** A declaration as one would write it in a program. */
function tidy(text: string): string {
  return text
    .replace(/^export (declare )?/, '')
    .replace(/\n\s*\n/g, '\n')
    .trim();
}

function headingId(heading: string): string {
  return `all-${heading.toLowerCase().replaceAll(' ', '-')}`;
}
