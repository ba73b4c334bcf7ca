/**
 * A terminal session as a text file, in the habit of age's testdata: `$ ` and a command line, what it prints (stdout
 * and stderr as they come), and `[exit N]` unless N is 0. A command line goes on in lines that start with `> `; lines
 * with `# ` are comments. In the output `[..]` stands for any text within a line, and `...` alone for any number of
 * lines.
 */

/** One command of a session with what it should print. */
export interface Step {
  command: string;
  output: readonly string[];
  exit: number;
}

/** What a command did. */
export interface Outcome {
  /** stdout and stderr together. */
  output: string;
  exit: number | null;
}

/** A session in its parts: lines that are copied (comments, empty lines), and steps. */
export type Part = string | Step;

/** Throws when there is output or an exit status before the first command. */
export function parseSession(text: string): Part[] {
  const parts: Part[] = [];
  const lines = text.trimEnd().split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    if (line === '' || line.startsWith('# ')) {
      parts.push(line);
      continue;
    }
    if (!line.startsWith('$ ')) throw new Error(`line ${i + 1} is not part of a command: ${line}`);
    let command = line.slice(2);
    while (lines[i + 1]?.startsWith('> ')) command += `\n${lines[++i]!.slice(2)}`;
    const output: string[] = [];
    let exit = 0;
    for (; i + 1 < lines.length && !/^(\$ |# )/.test(lines[i + 1]!); i++) {
      const status = /^\[exit (\d+)\]$/.exec(lines[i + 1]!);
      if (status) exit = Number(status[1]);
      else output.push(lines[i + 1]!);
    }
    const blank = output.length - (output.findLastIndex((line) => line !== '') + 1);
    parts.push({command, output: output.slice(0, output.length - blank), exit}, ...output.slice(output.length - blank));
  }
  return parts;
}

/**
 * The session as it went, to be compared with its file: where the output is as expected the patterns stand in its
 * place, so that only differences differ.
 */
export function renderSession(parts: readonly Part[], outcomes: ReadonlyMap<Step, Outcome>): string {
  const lines = parts.flatMap((part) => {
    if (typeof part === 'string') return [part];
    const {output, exit} = outcomes.get(part)!;
    const status = exit === 0 ? [] : [`[exit ${exit}]`];
    return [`$ ${part.command.replaceAll('\n', '\n> ')}`, ...shownOutput(part.output, output.trimEnd()), ...status];
  });
  return `${lines.join('\n')}\n`;
}

/** `expected` where `actual` is as its patterns say, else the lines of `actual` with those patterns that fit. */
export function shownOutput(expected: readonly string[], actual: string): readonly string[] {
  const anyLines = expected.map((line) => (line === '...' ? '(?:.*\n)*?' : `${linePattern(line)}\n`));
  if (new RegExp(`^${anyLines.join('')}$`).test(actual === '' ? '' : `${actual}\n`)) return expected;
  const lines = actual === '' ? [] : actual.split('\n');
  return lines.map((line, i) => {
    const pattern = expected[i];
    return pattern !== undefined && new RegExp(`^${linePattern(pattern)}$`).test(line) ? pattern : line;
  });
}

function linePattern(line: string): string {
  return line
    .split('[..]')
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'))
    .join('.*');
}
