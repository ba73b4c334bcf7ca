#!/usr/bin/env node
/**
 * Names every line that is longer than 120 columns, and ends with 1 if there is one: Biome breaks code, but neither
 * comments nor strings, and knows no C and no shell. `long-lines.mjs [FILE...]` looks at these files, else at all below
 * this folder but what .gitignore names.
 */
import {readdirSync, readFileSync, statSync} from 'node:fs';
import {join} from 'node:path';

const COLUMNS = 120;
/** In C and in shell, a tab goes to the next of these columns. */
const TAB = 8;

/** Files that are not measured: generated ones, data, and what programs print, a line each. */
const EXEMPT = [
  /^(contrib\/completion|virtual-connectx\/(completion|man)|man|client\/build)\/|\.(svg|png)$/,
  /^(vectors|bench\/results)\/(?!README)|\.json$/,
  /^(test\/commands\/sessions\/|docs\/session\.txt|test\/cli\/output\/widths\.txt)/,
];
/** Lines of Markdown that are not: the rows of a table, which cannot be broken, and what stands between fences. */
const MARKDOWN = {row: /^\s*\|/, fence: /^\s*```/};

const named = process.argv.slice(2);
const files = named.length > 0 ? named : allFiles();
let count = 0;
for (const file of files.filter((path) => !EXEMPT.some((pattern) => pattern.test(path)))) {
  let isFenced = false;
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    const columns = widthOf(line);
    if (file.endsWith('.md')) {
      if (MARKDOWN.fence.test(line)) isFenced = !isFenced;
      if (isFenced || MARKDOWN.row.test(line)) continue;
    }
    if (columns <= COLUMNS) continue;
    console.error(`${file}:${index + 1}: ${columns} columns, at most ${COLUMNS}`);
    count++;
  }
}
if (count > 0) process.exit(1);

function allFiles() {
  const ignored = readFileSync('.gitignore', 'utf8').split('\n');
  const isOurs = (name) => name !== '.git' && !ignored.includes(`/${name}/`) && !ignored.includes(`/${name}`);
  return readdirSync('.')
    .filter(isOurs)
    .flatMap((name) => (statSync(name).isDirectory() ? filesIn(name) : [name]));
}

function filesIn(folder) {
  return readdirSync(folder, {recursive: true})
    .map((name) => join(folder, name))
    .filter((path) => statSync(path).isFile());
}

function widthOf(line) {
  let columns = 0;
  for (const character of line) columns += character === '\t' ? TAB - (columns % TAB) : 1;
  return columns;
}
