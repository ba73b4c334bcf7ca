/**
 * Compiles the library that programs on a virtual ConnectX are started with: shim/uverbs.c, which includes the other
 * files of that folder.
 */
import {execFile} from 'node:child_process';
import fs from 'node:fs';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {DekError, systemCode} from '../errors.js';
import {packageFile} from '../package.js';

const SOURCE = packageFile('src/virtual/shim/uverbs.c');
/** Made by debian/rules, so that hosts need no compiler. */
const COMPILED = packageFile('compiled/uverbs.so');

/** The shim as the package of a distribution has it compiled. Undefined in another package. */
export function packagedShim(): string | undefined {
  const file = fileURLToPath(COMPILED);
  return fs.existsSync(file) ? file : undefined;
}

/** Compiles the shim to the file `path`. Throws UNSUPPORTED when there is no C compiler or no kernel headers, IO. */
export async function compileShim(path: string): Promise<void> {
  const source = fileURLToPath(SOURCE);
  const missing = partsOf(source).find((part) => !fs.existsSync(part));
  if (missing) throw new DekError('INTERNAL', `${missing} is missing from this package`);
  const args = ['-O2', '-shared', '-fPIC', '-o', path, source];
  await new Promise<void>((resolve, reject) => {
    execFile('cc', args, (error, _stdout, stderr) => (error ? reject(explain(error, stderr)) : resolve()));
  });
}

/** The file and those of its folder that it includes. */
function partsOf(source: string): string[] {
  if (!fs.existsSync(source)) return [source];
  const names = fs.readFileSync(source, 'utf8').matchAll(/^#include "(.+)"$/gm);
  return [source, ...Array.from(names, ([, name]) => join(dirname(source), name!))];
}

function explain(error: Error, stderr: string): DekError {
  if (systemCode(error) === 'ENOENT') {
    return new DekError('UNSUPPORTED', 'the virtual ConnectX needs a C compiler, and there is no cc in PATH', {
      hint: 'on Debian: apt install gcc libc6-dev linux-libc-dev',
      cause: error,
    });
  }
  const missing = /fatal error: (\S+\.h): No such file/.exec(stderr)?.[1];
  if (missing) {
    return new DekError('UNSUPPORTED', `the virtual ConnectX cannot be compiled: ${missing} is missing`, {
      hint: 'on Debian: apt install libc6-dev linux-libc-dev',
      cause: error,
    });
  }
  const lines = stderr.split('\n').filter((line) => /error|failed|cannot/i.test(line));
  // collect2 only says that ld failed; what ld says comes before or after it.
  const line = lines.find((text) => !text.includes('ld returned')) ?? error.message;
  return new DekError('IO', `cc failed on the virtual ConnectX: ${line}`, {cause: error});
}
