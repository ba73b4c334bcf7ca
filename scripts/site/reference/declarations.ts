/**
 * What a public module says of itself in the .d.ts files that the compiler wrote: names, comments, members, parameters.
 * It reads their text, since the compiler has no interface for programs; their form is the compiler's own and always
 * the same.
 */
import fs from 'node:fs';
import {dirname, join} from 'node:path';

/** A name that is exported, or a member of one. */
export interface Declaration {
  name: string;
  kind: 'class' | 'interface' | 'type' | 'function' | 'const' | 'method' | 'property';
  /** Its comment with the stars, or ''. */
  comment: string;
  /** The declaration without comments. */
  text: string;
  members: Declaration[];
}

/** Every name that a module exports, by its declaration, wherever that is. */
export function exportsOf(file: string): Declaration[] {
  const text = fs.readFileSync(file, 'utf8');
  const lists = [...text.matchAll(/^export (type )?\{([^}]*)\}(?: from '([^']+)')?;/gm)];
  const passedOn = lists.flatMap(([, , names, from]) => {
    const all =
      from === undefined ? declarationsIn(text) : exportsOf(join(dirname(file), from.replace(/\.js$/, '.d.ts')));
    return namesIn(names!).map((name) => all.find((declared) => declared.name === name) ?? fail(file, name));
  });
  return [...passedOn, ...declarationsIn(text).filter(({text}) => text.startsWith('export '))];
}

function namesIn(list: string): string[] {
  return list.split(',').flatMap((item) => /^\s*(?:type )?(\w+)\s*$/.exec(item)?.[1] ?? []);
}

function fail(file: string, name: string): never {
  throw new Error(`${file} exports ${name}, whose declaration was not found`);
}

const HEAD = /^(?:export )?(?:declare )?(?:abstract )?(?<kind>class|interface|type|function|const) (?<name>\w+)/;

function declarationsIn(text: string): Declaration[] {
  return statements(text, '').flatMap(({comment, body}) => {
    const {kind, name} = HEAD.exec(body)?.groups ?? {};
    if (kind === undefined) return [];
    const isBlock = kind === 'class' || kind === 'interface';
    const members = isBlock ? membersOf(body.slice(body.indexOf('{') + 1, body.lastIndexOf('}'))) : [];
    return [{name: name!, kind: kind as Declaration['kind'], comment, text: withoutComments(body), members}];
  });
}

function membersOf(text: string): Declaration[] {
  return statements(text, '    ').flatMap(({comment, body}): Declaration[] => {
    const {name, isCall} =
      /^(?:(?:static|readonly|get|set|abstract) )*(?<name>#?\w+|'[^']+'|\[[^\]]+\])\??(?<isCall>[<(])?/.exec(body)!
        .groups as {
        name: string;
        isCall?: string;
      };
    if (name === '#private') return [];
    const isGetter = /^(static )?get /.test(body);
    const kind = isCall !== undefined && !isGetter ? 'method' : 'property';
    return [{name, kind, comment, text: withoutComments(body), members: []}];
  });
}

/** What stands at this indentation, each with the comment before it. */
function statements(text: string, indent: string): {comment: string; body: string}[] {
  const found: {comment: string; body: string}[] = [];
  const lines = text.split('\n');
  let comment = '';
  for (let i = 0; i < lines.length; i++) {
    const first = lines[i]!;
    if (!first.startsWith(indent) || /^\s*$/.test(first)) continue;
    if (first.trim().startsWith('/**')) {
      const from = i;
      while (!lines[i]!.includes('*/')) i++;
      comment = lines.slice(from, i + 1).join('\n');
      continue;
    }
    const from = i;
    while (!isWhole(lines.slice(from, i + 1).join('\n')) && i + 1 < lines.length) i++;
    found.push({
      comment,
      body: lines
        .slice(from, i + 1)
        .join('\n')
        .trim(),
    });
    comment = '';
  }
  return found;
}

/** Whether every bracket of a statement is closed, and its end is there. */
function isWhole(text: string): boolean {
  const bare = withoutComments(text)
    .replace(/=>/g, '')
    .replace(/'[^']*'/g, "''");
  const depth = (open: string, close: string) => bare.split(open).length - bare.split(close).length;
  return depth('{', '}') === 0 && depth('(', ')') === 0 && /[;}]\s*$/.test(bare);
}

export function withoutComments(text: string): string {
  return text.replace(/\/\*\*[\s\S]*?\*\//g, '').replace(/\/\/.*$/gm, '');
}

/** The parameters of a function, by name; `{}` for one that is taken apart. And the type that it returns. */
export function signatureOf({text, name}: Declaration): {parameters: string[]; returns: string} {
  const start = text.indexOf('(', text.indexOf(name));
  let depth = 0;
  let end = start;
  const commas: number[] = [];
  for (; end < text.length; end++) {
    const char = text[end]!;
    if ('({[<'.includes(char)) depth++;
    else if (')}]'.includes(char) || (char === '>' && text[end - 1] !== '=')) depth--;
    else if (char === ',' && depth === 1) commas.push(end);
    if (depth === 0) break;
  }
  const edges = [start, ...commas, end];
  const pieces = edges.slice(1).map((edge, i) => text.slice(edges[i]! + 1, edge).trim());
  const parameters = pieces
    .filter((piece) => piece !== '')
    .map((piece) => /^(?:\.\.\.)?(\w+)/.exec(piece)?.[1] ?? '{}');
  return {parameters, returns: text.slice(end + 1).replace(/^\s*:\s*|;\s*$/g, '')};
}
