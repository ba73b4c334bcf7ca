/** What the agent tells its service manager: sd_notify(3), and descriptors that it is to keep. */
import {DekError} from '../../errors.js';
import {loadKoffi} from '../../koffi.js';

type Notify = (pid: number, unsetEnvironment: number, state: string, fds: Int32Array, count: number) => number;
let notify: Notify | undefined;

/** Tells the service manager behind $NOTIFY_SOCKET, if any. Throws NO_LIBRARY without libsystemd. */
export function notifySystemd(state: string): void {
  send(state, []);
}

/** Has it keep a copy of a descriptor under this name; nothing where its unit has FileDescriptorStoreMax=0. */
export function storeDescriptor(name: string, fd: number): void {
  // Without the poll a context that hangs up would be dropped at once, and be lost with what is in it.
  send(`FDSTORE=1\nFDNAME=${name}\nFDPOLL=0`, [fd]);
}

export function unstoreDescriptor(name: string): void {
  send(`FDSTOREREMOVE=1\nFDNAME=${name}`, []);
}

function send(state: string, fds: readonly number[]): void {
  if (process.env['NOTIFY_SOCKET'] === undefined) return;
  notify ??= load();
  const result = notify(0, 0, state, Int32Array.from(fds), fds.length);
  if (result < 0) throw new DekError('IO', `sd_notify failed with errno ${-result}`);
}

function load(): Notify {
  try {
    return loadKoffi()
      .load('libsystemd.so.0')
      .func('int sd_pid_notify_with_fds(int pid, int unset, const char *state, const int *fds, unsigned int n_fds)');
  } catch (cause) {
    throw new DekError('NO_LIBRARY', '$NOTIFY_SOCKET is set, but libsystemd.so.0 cannot be loaded', {
      hint: 'install the Debian package libsystemd0',
      cause,
    });
  }
}
