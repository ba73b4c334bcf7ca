/**
 * Whether the dynamic linker loads the library of a virtual ConnectX. Where it cannot (noexec, another architecture, a
 * program that changes its user) it goes on without, and the program finds the NICs of the host: ld.so(8), LD_PRELOAD.
 */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {delimiter, join} from 'node:path';
import {DekError} from '../errors.js';
import {statNow} from '../files/stat.js';
import {isTooManyFiles, tooManyFiles} from '../files/system-error.js';

/** The variable that names the directory of the virtual ConnectX. */
export const VIRTUAL = 'DEK_VIRTUAL';

/** S_ISUID and S_ISGID of inode(7). */
const CHANGES_USER = 0o6000;

/** The library in the directory of a virtual ConnectX. */
export function shimOf(directory: string): string {
  return join(directory, 'uverbs.so');
}

/** Whether it is there. At a pipe the dynamic linker would wait for who writes to it. */
export function hasShim(directory: string): boolean {
  return statIfAny(shimOf(directory))?.isFile() === true;
}

/**
 * Throws UNSUPPORTED when this process should have been started on a virtual ConnectX, and was started without its
 * library.
 */
export function assertShimLoaded(): void {
  const directory = process.env[VIRTUAL];
  if (directory === undefined || hasMapped(fs.readFileSync('/proc/self/maps', 'latin1'), directory)) return;
  throw new DekError(
    'UNSUPPORTED',
    `this is to run on the virtual ConnectX in ${directory}, and was started without it`,
    {
      hint: `start it by dek virtual exec; for the NICs of this host unset ${VIRTUAL}`,
    },
  );
}

/** Throws UNSUPPORTED when a program with this environment would be started without the library in `directory`. */
export function assertShimLoads(directory: string, env: NodeJS.ProcessEnv): void {
  // As good as any program that is there, and smaller than Node.
  const {error, stdout, stderr} = spawnSync('cat', ['/proc/self/maps'], {env, encoding: 'latin1'});
  if (isTooManyFiles(error)) throw tooManyFiles('no program can be started', error);
  if (!error && hasMapped(stdout, directory)) return;
  const reason = error?.message ?? /cannot be preloaded \((.*)\)/.exec(stderr)?.[1] ?? stderr.trim().split('\n')[0];
  throw new DekError(
    'UNSUPPORTED',
    `programs would be started without the virtual ConnectX in ${directory}${reason ? `: ${reason}` : ''}`,
    {hint: 'where its file system is mounted noexec, make one on another'},
  );
}

/**
 * Throws UNSUPPORTED when `file`, as a shell finds it, takes on another user: the dynamic linker ignores LD_PRELOAD
 * then.
 */
export function assertKeepsUser(file: string, path: string | undefined): void {
  const names = file.includes('/') ? [file] : (path ?? '').split(delimiter).map((directory) => join(directory, file));
  const found = names.map(statIfAny).find((stats) => stats?.isFile());
  if (!found || (Number(found.mode) & CHANGES_USER) === 0) return;
  throw new DekError('UNSUPPORTED', `${file} changes its user or group, and is started without the virtual ConnectX`, {
    hint: `put it first: ${file} ... dek virtual exec DIR -- CMD`,
  });
}

/**
 * Whether its code is among these mappings, proc(5): on noexec the linker leaves behind a part that is not executable.
 */
function hasMapped(maps: string, directory: string): boolean {
  try {
    const library = fs.realpathSync.native(shimOf(directory));
    return maps.split('\n').some((line) => line.includes(' r-xp ') && line.endsWith(` ${library}`));
  } catch {
    return false; // there is no such file
  }
}

function statIfAny(path: string): fs.BigIntStats | undefined {
  try {
    return statNow(path);
  } catch {
    return undefined; // it says so when it is run
  }
}
