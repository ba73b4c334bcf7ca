/**
 * A context that another process opened, by its descriptor: ibv_import_device(3), ibv_import_pd(3). Whoever has the
 * descriptor can do all in the context, and what is in it lives until the last copy is closed.
 */
import {closeSync} from 'node:fs';
import {getSystemErrorName} from 'node:util';
import {DekError} from '../../errors.js';
import {Context} from '../context.js';
import {Device, type OpenOptions} from '../device.js';
import {library} from '../ffi.js';
import {type DeviceInfo, describeDevice} from '../list.js';
import type {PdMaker} from '../pd.js';
import {call, runOff} from '../steps.js';
import {sharedCalls} from './ffi.js';

/** What libibverbs leaves open where it refuses before it has taken the descriptor over. */
const EARLY: ReadonlySet<string> = new Set(['EINVAL', 'ENODEV', 'EBADF']);

/**
 * The device of a context's descriptor, which stays the caller's. Throws BAD_ARGUMENT when it is no context of a NIC
 * of this host or has no such PD; UNSUPPORTED; LIMIT; what the refusal means.
 */
export async function importDevice(fd: number, pdHandle: number, options: OpenOptions = {}): Promise<Device> {
  const lib = library();
  const calls = sharedCalls();
  const copy = duplicate(fd);
  const {context: ptr, errno} = await calls.ibv_import_device(copy);
  if (ptr === null) throw importRefused(copy, errno);
  let info: DeviceInfo;
  try {
    info = describeDevice(lib, calls.deviceOf(ptr));
    if (!info.mlx5) throw new DekError('UNSUPPORTED', `${info.name} is no mlx5 device`);
  } catch (error) {
    await runOff(lib, call(lib.ibv_close_device, ptr));
    throw error;
  }
  const context = new Context(lib, ptr, info, pdOf(pdHandle));
  return new Device(context, options.loginApi ?? (lib.loginObjects === undefined ? 'session' : 'object'));
}

/** A copy of a descriptor, with close-on-exec, which the caller closes. Throws LIMIT. */
export function duplicate(fd: number): number {
  const copy = sharedCalls().duplicate(fd);
  if (copy < 0) throw new DekError('LIMIT', 'too many open files', {hint: 'raise ulimit -n'});
  return copy;
}

/** The kernel knows it without asking the NIC. */
function pdOf(handle: number): PdMaker {
  return function* (_lib, context, device) {
    const calls = sharedCalls();
    const {result: ptr, errno} = yield* call(calls.ibv_import_pd, context, handle);
    if (ptr !== null) return {ptr, close: () => call(calls.ibv_unimport_pd, ptr)};
    throw new DekError('BAD_ARGUMENT', `the context of ${device} has no protection domain with the handle ${handle}`, {
      hint: 'ibv_pd->handle of a PD of that context',
      errno: getSystemErrorName(-errno),
    });
  };
}

function importRefused(copy: number, errno: number): DekError {
  const name = errno > 0 ? getSystemErrorName(-errno) : 'EINVAL';
  if (EARLY.has(name)) closeSync(copy);
  const refusal = {errno: name};
  if (name === 'EIO') {
    return new DekError('DEVICE_GONE', 'the NIC of this context stopped answering', refusal);
  }
  if (name === 'EOPNOTSUPP' || name === 'EPROTONOSUPPORT') {
    return new DekError('UNSUPPORTED', 'the kernel or the context does not allow it to be shared', {
      hint: 'Linux 5.9 or later, and a context with dynamic UARs: mlx5dv_open_device with DEVX, or ibv_open_device',
      ...refusal,
    });
  }
  return new DekError('BAD_ARGUMENT', 'this descriptor is no context of a NIC of this host', {
    hint: 'ibv_context->cmd_fd of an open mlx5 device whose node this process can see',
    ...refusal,
  });
}
