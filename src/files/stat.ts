/**
 * stat(2) and open(2) at once. Node 20 keeps the numbers of its last stat without `bigint`, and its realpath looks
 * there whether it has met a socket or a pipe: after a stat of one, links were not resolved any more, neither by
 * realpathSync nor for a module that is loaded (seen in 20.20.2). With `bigint` the numbers are kept elsewhere. So
 * nothing else here calls lstatSync, statSync or fstatSync, nor rmSync and readFileSync, which do so inside, for what
 * may be a socket or a pipe.
 */
import fs, {type BigIntStats, type Stats} from 'node:fs';

/** What `path` leads to; undefined when there is no such name. Throws any other system error. */
export function statNow(path: string): BigIntStats | undefined {
  return fs.statSync(path, {bigint: true, throwIfNoEntry: false});
}

/** The same of `path` itself, if that is a link. */
export function lstatNow(path: string): BigIntStats | undefined {
  return fs.lstatSync(path, {bigint: true, throwIfNoEntry: false});
}

/** The same of an open descriptor. */
export function fstatNow(fd: number): BigIntStats {
  return fs.fstatSync(fd, {bigint: true});
}

/** Another one when the file was written or replaced. */
export function stampOf({dev, ino, size, mtimeMs}: Stats): string {
  return [dev, ino, size, mtimeMs].join();
}

/** open(2) at once: without O_NONBLOCK that of a pipe waits until somebody writes to it. */
export function openNow(path: string, flags: number): number {
  return fs.openSync(path, flags | fs.constants.O_NONBLOCK);
}
