/** ioctl(2) with the structures of <fwctl/fwctl.h>, through Koffi; loaded at the first call. */
import {loadKoffi} from '../../koffi.js';

/**
 * struct fwctl_info: size 0, flags 4, out_device_type 8, device_data_len 12, out_device_data 16.
 * struct fwctl_rpc: size 0, scope 4, in_len 8, out_len 12, in 16, out 24.
 */
const INFO = {request: 0x9a00, bytes: 24, type: 8} as const;
const RPC = {request: 0x9a01, bytes: 32, scope: 4, in_len: 8, out_len: 12, in: 16, out: 24} as const;

interface Calls {
  /** 0 or an errno. */
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  addressOf(bytes: Uint8Array): bigint;
}

let calls: Calls | undefined;

/** FWCTL_INFO: which driver it is, or an errno. */
export function fwctlType(fd: number): {type: number; errno: number} {
  const {info, view} = structOf(INFO.bytes);
  calls ??= load();
  const errno = calls.ioctl(fd, INFO.request, info);
  return {type: view.getUint32(INFO.type, true), errno};
}

/** FWCTL_RPC: 0 or an errno. Both buffers live until it returns. */
export function fwctlRpc(fd: number, scope: number, in_: Uint8Array, out: Uint8Array): number {
  const {info: rpc, view} = structOf(RPC.bytes);
  calls ??= load();
  view.setUint32(RPC.scope, scope, true);
  view.setUint32(RPC.in_len, in_.length, true);
  view.setUint32(RPC.out_len, out.length, true);
  view.setBigUint64(RPC.in, calls.addressOf(in_), true);
  view.setBigUint64(RPC.out, calls.addressOf(out), true);
  return calls.ioctl(fd, RPC.request, rpc);
}

/** A structure that begins with its size. */
function structOf(bytes: number): {info: Uint8Array; view: DataView} {
  const info = new Uint8Array(new ArrayBuffer(bytes));
  const view = new DataView(info.buffer);
  view.setUint32(0, bytes, true);
  return {info, view};
}

function load(): Calls {
  const koffi = loadKoffi();
  const ioctl = koffi.load(null).func('ioctl', 'int', ['int', 'unsigned long', 'void *']);
  return {
    ioctl: (fd, request, argument) => (ioctl(fd, request, argument) === 0 ? 0 : koffi.errno()),
    addressOf: (bytes) => koffi.address(bytes),
  };
}
