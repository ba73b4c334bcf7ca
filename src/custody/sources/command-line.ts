/**
 * Splits a command line into words as systemd does with ExecStart=: systemd.service(5), "Command lines". Quotes, single
 * or double, keep white space; in and outside of them a backslash begins an escape of C, or is `\s` for a space. What a
 * shell or a unit would do besides is left out: variables, specifiers (%), redirections, several commands.
 */
import {DekError} from '../../errors.js';

const WHITE_SPACE = /\s/;
const SIMPLE: Readonly<Record<string, string>> = {
  ...{a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v'},
  ...{'\\': '\\', '"': '"', "'": "'", s: ' '},
};
/** A byte or a character by its number: \xhh, \nnn in octal, \unnnn, \Unnnnnnnn. */
const NUMBERS: readonly (readonly [pattern: RegExp, base: number])[] = [
  [/^x([\da-fA-F]{2})/, 16],
  [/^([0-3][0-7]{2})/, 8],
  [/^u([\da-fA-F]{4})/, 16],
  [/^U([\da-fA-F]{8})/, 16],
];
const HINT = 'as in ExecStart= of a unit: quote words with spaces, and write a backslash as \\\\';

/** The words of `line`. Throws BAD_ARGUMENT, without repeating them; `name` is what messages call it. */
export function splitCommandLine(line: string, name: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  for (let at = 0; at < line.length; ) {
    const c = line[at]!;
    if (c === '\\') {
      // As a word of its own it is for a lone semicolon, which separates commands in a unit.
      const {text, length} =
        word === undefined && /^;(\s|$)/.test(line.slice(at + 1))
          ? {text: ';', length: 1}
          : escaped(line, at + 1, name);
      word = (word ?? '') + text;
      at += 1 + length;
      continue;
    }
    at++;
    if (c === quote) quote = undefined;
    else if (quote === undefined && (c === '"' || c === "'")) {
      quote = c;
      word ??= '';
    } else if (quote === undefined && WHITE_SPACE.test(c)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (word === undefined && quote === undefined && /^;(\s|$)/.test(line.slice(at - 1))) {
      throw new DekError('BAD_ARGUMENT', `${name} has more than one command`, {hint: 'write a lone semicolon as \\;'});
    } else word = (word ?? '') + c;
  }
  if (quote !== undefined) throw new DekError('BAD_ARGUMENT', `${name} has a quote without its end`, {hint: HINT});
  if (word !== undefined) words.push(word);
  return words;
}

/** What the escape at `at`, behind its backslash, stands for. One that is none stays as it is. */
function escaped(line: string, at: number, name: string): {text: string; length: number} {
  const simple = SIMPLE[line[at] ?? ''];
  if (simple !== undefined) return {text: simple, length: 1};
  for (const [pattern, base] of NUMBERS) {
    const [all, digits] = pattern.exec(line.slice(at, at + 9)) ?? [];
    if (all === undefined) continue;
    const code = Number.parseInt(digits!, base);
    if (code === 0 || code > 0x10ffff) break; // no argument can hold a NUL
    return {text: String.fromCodePoint(code), length: all.length};
  }
  if (at < line.length) return {text: '\\', length: 0};
  throw new DekError('BAD_ARGUMENT', `${name} ends with a backslash`, {hint: HINT});
}
