/** Sentences in lines that fit a terminal. */

const WIDTH = 80;

/** `text` in lines of at most 80 columns, broken between words; `indent` begins all but the first. */
export function wrapLines(text: string, indent: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<=\S) /)) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (longer.length <= WIDTH || line === '') line = longer;
    else {
      lines.push(line);
      line = indent + word;
    }
  }
  return [...lines, line];
}
