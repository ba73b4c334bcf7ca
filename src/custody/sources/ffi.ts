/** pipe(2), which Node does not have: a descriptor that another process can open by its name in /proc. */
import {getSystemErrorName} from 'node:util';
import {DekError} from '../../errors.js';
import {loadKoffi} from '../../koffi.js';

const O_CLOEXEC = 0o2000000;
const O_NONBLOCK = 0o4000;
/** fcntl(2). */
const F_SETFL = 4;

interface Calls {
  pipe2(ends: Int32Array, flags: number): number;
  fcntl(fd: number, command: number, flags: number): number;
}

let calls: Calls | undefined;

function load(): Calls {
  const libc = loadKoffi().load(null);
  return {
    pipe2: libc.func('int pipe2(_Out_ int *ends, int flags)'),
    fcntl: libc.func('int fcntl(int fd, int command, int flags)'),
  };
}

/** From here on a descriptor does not block. */
export function unblock(fd: number): void {
  calls ??= load();
  calls.fcntl(fd, F_SETFL, O_NONBLOCK);
}

/**
 * Both ends of a new pipe, to be closed by the caller; what this process starts does not have them. To read from it
 * does not block, to write to it does, as programs expect. Throws IO.
 */
export function makePipe(): {reading: number; writing: number} {
  calls ??= load();
  const ends = new Int32Array(2);
  if (calls.pipe2(ends, O_CLOEXEC) === 0) {
    // Of this end alone. A descriptor of /proc is out of reach for a process that cannot be traced, as an agent.
    unblock(ends[0]!);
    return {reading: ends[0]!, writing: ends[1]!};
  }
  const errno = getSystemErrorName(-loadKoffi().errno());
  throw new DekError('IO', `cannot make a pipe: ${errno}`, {errno});
}
