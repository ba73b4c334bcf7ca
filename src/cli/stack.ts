/** Stack traces as the sources have it: the command line runs from one file, dist/bundle/dek.cjs. */
import {readFileSync} from 'node:fs';
import {SourceMap} from 'node:module';
import {dirname, resolve} from 'node:path';

/** A place in the bundle, in a line of a stack trace. */
const PLACE = /([^\s(]+\/bundle\/dek\.cjs):(\d+):(\d+)/g;

/** `stack` with each place in the bundle named by its source. As it is where there is no source map. */
export function mappedStack(stack: string): string {
  const maps = new Map<string, SourceMap | undefined>();
  return stack.replace(PLACE, (place, file: string, line: string, column: string) => {
    if (!maps.has(file)) maps.set(file, sourceMapOf(file));
    const found = maps.get(file)?.findEntry(Number(line) - 1, Number(column) - 1);
    if (!found || !('originalSource' in found)) return place;
    return `${resolve(dirname(file), found.originalSource)}:${found.originalLine + 1}:${found.originalColumn + 1}`;
  });
}

function sourceMapOf(file: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8')));
  } catch {
    return undefined; // not installed, or altered: the names of the functions have to do
  }
}
