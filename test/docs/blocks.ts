/**
 * The blocks between fences of README.md and of docs/. One after a line `<!-- run: NAME -->` is run; those of a page
 * that have one name are one session. Whatever is not run stands in elsewhere.ts, with the reason.
 */
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/**
 * Run from their own text elsewhere: by test/vm/tests/dm-crypt.sh, by test/fleet/faults/page.faults.ts, and by the test
 * of the package virtual-connectx.
 */
const ELSEWHERE_WHOLE = ['encrypted-store.md', 'fleet.md', 'vcx.md'];

/** `README.md`, `docs/start.md`, ... */
export const PAGES: readonly string[] = [
  'README.md',
  ...fs
    .readdirSync(join(ROOT, 'docs'))
    .filter((name) => name.endsWith('.md') && !ELSEWHERE_WHOLE.includes(name))
    .map((name) => `docs/${name}`),
];

export interface Block {
  /** Of the session that it is a part of; undefined: it is not run here. */
  readonly name: string | undefined;
  /** What stands behind the fence that begins it: `ts`, or nothing. */
  readonly language: string;
  readonly text: string;
}

export function blocksOf(page: string): Block[] {
  const text = fs.readFileSync(join(ROOT, page), 'utf8');
  return [
    ...text.matchAll(/^( *)(?:<!-- run: (?<name>[\w-]+) -->\n *)?```(?<language>\w*)\n(?<text>[\s\S]*?)\n *```$/gm),
  ].map(({1: indent, groups}) => ({
    name: groups!['name'],
    language: groups!['language']!,
    text: groups!['text']!.replaceAll(`\n${indent}`, '\n').trim(),
  }));
}

/** The text of each session of a page, by its name. */
export function sessionsOf(page: string): Map<string, string> {
  const sessions = new Map<string, string>();
  for (const {name, text} of blocksOf(page)) {
    if (name !== undefined) sessions.set(name, [sessions.get(name), text].filter(Boolean).join('\n'));
  }
  return sessions;
}

/** Commands with what they print. One goes on in the next line after a backslash; a comment at its end is left out. */
export function commandsOf(text: string): {command: string; shown: string}[] {
  return text
    .replaceAll('\\\n', ' ')
    .split(/^(?:\w*\$|#) /m)
    .slice(1)
    .map((part) => {
      const [command, ...shown] = part.trimEnd().split('\n');
      return {command: command!.replace(/ {2,}#.*$/, ''), shown: shown.join('\n')};
    });
}

/** What of an output differs from one run to the next, and what stands for it when two are compared. */
const VARIES: readonly (readonly [RegExp, string])[] = [
  [/\bKCV [0-9a-f]{10}\b/g, 'KCV'], // of a random KEK
  [/\bSHA-256 [0-9a-f]+(\.\.\.)?/g, 'SHA-256'], // of a random manifest, cut off on a page
  [/\b[0-9a-f]{32}\b/g, 'DCV'], // of a random DEK
  [/\b0x[0-9a-f]{16}\b/g, 'KEYTAG'], // likewise
  [/(~|\/run\/user\/1000\/dek|\/run\/dek)\/agent\.sock/g, 'agent.sock'], // where it is by default, and here
  [/process \d+/g, 'process'],
  [/\b\d{4}-\d\d-\d\dT[\d:.]+Z/g, 'TIME'],
  [/\bdek \d+\.\d+\.\d+\b/g, 'dek VERSION'],
  [/ +$/gm, ''],
];

/** `text` without what differs from one run to the next. */
export function common(text: string): string {
  return VARIES.reduce((all, [pattern, word]) => all.replace(pattern, word), text.trimEnd());
}
