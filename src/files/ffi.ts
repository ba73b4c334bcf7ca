/** flock(2), which Node does not have, through Koffi; loaded when the first lock is taken. */
import {loadKoffi} from '../koffi.js';

const LOCK_EX = 2;
const LOCK_NB = 4;

let flock: ((fd: number, operation: number) => number) | undefined;

/** Takes the exclusive lock of an open file; false when another process has it. It ends with the descriptor. */
export function tryLock(fd: number): boolean {
  flock ??= loadFlock();
  return flock(fd, LOCK_EX | LOCK_NB) === 0;
}

function loadFlock(): (fd: number, operation: number) => number {
  return loadKoffi().load(null).func('int flock(int fd, int operation)');
}
