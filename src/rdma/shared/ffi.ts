/**
 * The C functions by which two processes share a context, through Koffi, as ../ffi.ts has those of the control path.
 * Loaded when the first context is shared.
 */
import {loadKoffi} from '../../koffi.js';
import {type ContextPtr, type DevicePtr, library, type PdPtr, type Ptr} from '../ffi.js';
import {IBV_CONTEXT} from './c-layout.js';

/** What points to one: a DEK, a login object. */
export type HolderPtr = Ptr<'mlx5dv_devx_obj *'>;

export interface SharedCalls {
  /** struct ibv_context *ibv_import_device(int cmd_fd), off this thread */
  ibv_import_device(fd: number): Promise<{context: ContextPtr | null; errno: number}>;
  /** struct ibv_pd *ibv_import_pd(struct ibv_context *context, uint32_t pd_handle): null and errno */
  ibv_import_pd(context: ContextPtr, handle: number): PdPtr | null;
  /** void ibv_unimport_pd(struct ibv_pd *pd) */
  ibv_unimport_pd(pd: PdPtr): void;
  /** int ioctl(int fd, unsigned long request, ...): 0, or -1 and errno. What `argument` points to has to live. */
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  /** A copy of a descriptor, with close-on-exec; -1 when there is no room. */
  duplicate(fd: number): number;
  /** Memory of C's heap, zeroed, which libmlx5 may free; null when there is none. */
  calloc(bytes: number): bigint | null;
  free(pointer: bigint): void;
  write(pointer: bigint, bytes: Uint8Array): void;
  pointerAt(pointer: bigint, offset: number): bigint | null;
  u32At(pointer: bigint, offset: number): number;
  /** The descriptor of a context, and the device that it is of. */
  cmdFd(context: ContextPtr): number;
  deviceOf(context: ContextPtr): DevicePtr;
}

/** F_DUPFD_CLOEXEC of fcntl(2). */
const F_DUPFD_CLOEXEC = 1030;
/** Behind the standard streams. */
const LEAST_FD = 3;

let loaded: SharedCalls | undefined;

/** Throws NO_LIBRARY. */
export function sharedCalls(): SharedCalls {
  loaded ??= load();
  return loaded;
}

function load(): SharedCalls {
  const {off} = library(); // pins both, and says what is missing
  const koffi = loadKoffi();
  const verbs = koffi.load('libibverbs.so.1');
  const libc = koffi.load(null);
  const pointer = koffi.pointer(koffi.opaque());
  const importDevice = verbs.func('ibv_import_device', pointer, ['int']);
  const fcntl = libc.func('fcntl', 'int', ['int', 'int', 'int']);
  const memcpy = libc.func('memcpy', pointer, [pointer, pointer, 'size_t']);
  const calloc = libc.func('calloc', pointer, ['size_t', 'size_t']);
  return {
    ibv_import_device: async (fd) => {
      const {result, errno} = await off(importDevice, [fd]);
      return {context: result as ContextPtr | null, errno};
    },
    ibv_import_pd: verbs.func('ibv_import_pd', pointer, [pointer, 'uint32_t']),
    ibv_unimport_pd: verbs.func('ibv_unimport_pd', 'void', [pointer]),
    ioctl: libc.func('ioctl', 'int', ['int', 'unsigned long', pointer]),
    duplicate: (fd) => fcntl(fd, F_DUPFD_CLOEXEC, LEAST_FD) as number,
    calloc: (bytes) => calloc(1, bytes) as bigint | null,
    free: libc.func('free', 'void', [pointer]),
    write: (to, bytes) => void memcpy(to, bytes, bytes.length),
    pointerAt: (at, offset) => koffi.decode(at, offset, pointer) as bigint | null,
    u32At: (at, offset) => koffi.decode(at, offset, 'uint32_t') as number,
    cmdFd: (context) => koffi.decode(context, IBV_CONTEXT.cmd_fd, 'int32_t') as number,
    deviceOf: (context) => koffi.decode(context, IBV_CONTEXT.device, pointer) as DevicePtr,
  };
}
