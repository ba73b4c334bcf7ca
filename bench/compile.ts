/** The sources of the benches that are not TypeScript, and what runs them. */
import {execFile} from 'node:child_process';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';

/** The Python that Debian's packages belong to, whatever else is on the PATH. */
export const PYTHON = '/usr/bin/python3';

/** The path of `bench/NAME`. */
export function sourcePath(name: string): string {
  return fileURLToPath(new URL(`../../bench/${name}`, import.meta.url));
}

/** Compiles `bench/SOURCE` into `folder`. Returns the path of the program. */
export async function compile(source: string, folder: string, ...libraries: string[]): Promise<string> {
  const program = join(folder, source.replace(/\.c$/, ''));
  await promisify(execFile)('cc', ['-O2', '-Wall', '-o', program, sourcePath(source), ...libraries]);
  return program;
}
