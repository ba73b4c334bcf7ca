/** Compiles the C side of a bench. */
import {execFile} from 'node:child_process';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';

/** Compiles `bench/SOURCE` into `folder`. Returns the path of the program. */
export async function compile(source: string, folder: string, ...libraries: string[]): Promise<string> {
  const program = join(folder, source.replace(/\.c$/, ''));
  const path = fileURLToPath(new URL(`../../bench/${source}`, import.meta.url));
  await promisify(execFile)('cc', ['-O2', '-Wall', '-o', program, path, ...libraries]);
  return program;
}
