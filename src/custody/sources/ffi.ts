/** pipe(2), which Node does not have: a descriptor that another process can open by its name in /proc. */
import {getSystemErrorName} from 'node:util';
import {DekError} from '../../errors.js';
import {loadKoffi} from '../../koffi.js';

const O_CLOEXEC = 0o2000000;

let pipe2: ((ends: Int32Array, flags: number) => number) | undefined;

/** Both ends of a new pipe, to be closed by the caller; what this process starts does not have them. Throws IO. */
export function makePipe(): {reading: number; writing: number} {
  pipe2 ??= loadKoffi().load(null).func('int pipe2(_Out_ int *ends, int flags)');
  const ends = new Int32Array(2);
  if (pipe2(ends, O_CLOEXEC) === 0) return {reading: ends[0]!, writing: ends[1]!};
  const errno = getSystemErrorName(-loadKoffi().errno());
  throw new DekError('IO', `cannot make a pipe: ${errno}`, {errno});
}
