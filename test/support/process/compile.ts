/** C programs and shared libraries of the tests, compiled. */
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {sharedFile, temporaryDirectory} from '../temporary-directory.js';

const compiled = new Map<string, string>();

/** libmlx5dek, to be compiled into a program; what it needs. */
export const LIBMLX5DEK = [
  `-I${fileURLToPath(new URL('../../../../client', import.meta.url))}`,
  fileURLToPath(new URL('../../../../client/mlx5dek.c', import.meta.url)),
  '-pthread',
  '-libverbs',
  '-lmlx5',
];

/** Finds faults of memory and of arithmetic; in the program itself, so that the shim may be put in front of it. */
export const SANITIZED = [
  '-g',
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=undefined',
  '-static-libasan',
  '-static-libubsan',
];

/** Compiles a program, named from test/ on, once a process, or once a run of tests. Returns its path. */
export function compileProgram(source: string, args: readonly string[] = []): string {
  const done = compiled.get(source);
  if (done) return done;
  const shared = sharedFile(source.replace('.c', '').replaceAll('/', '-'));
  if (shared !== undefined && fs.existsSync(shared)) return shared;
  const directory = temporaryDirectory();
  process.once('exit', () => fs.rmSync(directory, {recursive: true, force: true}));
  const program = join(directory, 'program');
  const file = fileURLToPath(new URL(`../../../../test/${source}`, import.meta.url));
  execFileSync('cc', ['-O2', '-Wall', '-Wextra', '-Werror', '-o', program, file, ...args], {stdio: 'pipe'});
  if (shared !== undefined) fs.renameSync(program, shared); // whole, for those that look for it meanwhile
  compiled.set(source, shared ?? program);
  return shared ?? program;
}
