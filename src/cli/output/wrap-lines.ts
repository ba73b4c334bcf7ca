/** Sentences in lines that fit a terminal. */

/** Columns of a page, where nothing else is said. */
export const PAGE_WIDTH = 80;

/** `text` in lines of at most `width` columns, broken between words; `indent` begins all but the first. */
export function wrapLines(text: string, indent: string, width = PAGE_WIDTH): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/(?<=\S) /)) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (longer.length <= width || line === '') line = longer;
    else {
      lines.push(line);
      line = indent + word;
    }
  }
  return [...lines, line];
}
