/**
 * libibverbs and libmlx5 through Koffi: the C functions by their C names, nothing on top. The only file here that
 * uses Koffi, and only when the first device is asked for. Koffi checks no pointer and no length, so nothing of
 * this file is exported from the package: the classes above it check every value before it comes here.
 *
 * No type gets a name in Koffi's table (it is global to the process, and a name given twice throws), so that this file
 * can be loaded twice and in worker threads.
 */
import {readFileSync} from 'node:fs';
import {constants, endianness} from 'node:os';
import type {KoffiFunc, LibraryHandle, TypeObject} from 'koffi';
import {DekError} from '../errors.js';
import {loadKoffi} from '../koffi.js';
import {C, MLX5DV_CONTEXT_ATTR, MLX5DV_CONTEXT_ATTR_ROOM} from './c-layout.js';
import {CallSlots} from './command-queue.js';
import {pin} from './pin.js';

/** Koffi takes any BigInt for any pointer: a brand for each C type keeps them apart. */
export type Ptr<CType extends string> = bigint & {readonly __c: CType};
export type DeviceListPtr = Ptr<'ibv_device **'>;
export type DevicePtr = Ptr<'ibv_device'>;
export type ContextPtr = Ptr<'ibv_context'>;
export type PdPtr = Ptr<'ibv_pd'>;
export type LoginPtr = Ptr<'mlx5dv_crypto_login_obj'>;
export type DekPtr = Ptr<'mlx5dv_dek'>;
export type DevxObjPtr = Ptr<'mlx5dv_devx_obj'>;

const {EAGAIN} = constants.errno;

/**
 * Nearly twice as many as a pool of 16 has threads (command-queue.ts); the kernel takes 32 commands of a NIC at once.
 */
const MAX_ASYNC_CALLS = 28;

/**
 * The functions. Those that return a pointer return null on an error and leave the reason in `errno()`, to be read
 * before anything else; those that return a number return 0 or a positive errno.
 */
export interface Library {
  /** struct ibv_device **ibv_get_device_list(int *num_devices) */
  ibv_get_device_list(numDevices: null): DeviceListPtr | null;
  /** void ibv_free_device_list(struct ibv_device **list) */
  ibv_free_device_list(list: DeviceListPtr): void;
  /** __be64 ibv_get_device_guid(struct ibv_device *device) */
  ibv_get_device_guid(device: DevicePtr): number | bigint;
  /** int ibv_close_device(struct ibv_context *context) */
  ibv_close_device(context: ContextPtr): number;
  /** struct ibv_pd *ibv_alloc_pd(struct ibv_context *context) */
  ibv_alloc_pd(context: ContextPtr): PdPtr | null;
  /** int ibv_dealloc_pd(struct ibv_pd *pd) */
  ibv_dealloc_pd(pd: PdPtr): number;

  /** bool mlx5dv_is_supported(struct ibv_device *device) */
  mlx5dv_is_supported(device: DevicePtr): boolean;
  /**
   * struct ibv_context *mlx5dv_open_device(struct ibv_device *device, struct mlx5dv_context_attr *attr), off this
   * thread
   */
  mlx5dv_open_device(device: DevicePtr): Promise<{context: ContextPtr | null; errno: number}>;
  /** int mlx5dv_query_device(struct ibv_context *context, struct mlx5dv_context *attrs_out) */
  mlx5dv_query_device(context: ContextPtr, attrsOut: Uint8Array): number;
  /** int mlx5dv_devx_general_cmd(struct ibv_context *, const void *in, size_t inlen, void *out, size_t outlen) */
  mlx5dv_devx_general_cmd(context: ContextPtr, in_: Uint8Array, inlen: number, out: Uint8Array, outlen: number): number;

  /** struct mlx5dv_devx_obj *mlx5dv_devx_obj_create(struct ibv_context *, const void *in, size_t, void *out, size_t) */
  mlx5dv_devx_obj_create(
    context: ContextPtr,
    in_: Uint8Array,
    inlen: number,
    out: Uint8Array,
    outlen: number,
  ): DevxObjPtr | null;
  /** int mlx5dv_devx_obj_destroy(struct mlx5dv_devx_obj *obj) */
  mlx5dv_devx_obj_destroy(obj: DevxObjPtr): number;
  /** int mlx5dv_init_obj(struct mlx5dv_obj *obj, uint64_t obj_type) */
  mlx5dv_init_obj(obj: Uint8Array, objType: number): number;

  /** int mlx5dv_crypto_login(struct ibv_context *context, struct mlx5dv_crypto_login_attr *login_attr) */
  mlx5dv_crypto_login(context: ContextPtr, loginAttr: Uint8Array): number;
  /** int mlx5dv_crypto_login_query_state(struct ibv_context *context, enum mlx5dv_crypto_login_state *state) */
  mlx5dv_crypto_login_query_state(context: ContextPtr, state: Uint8Array): number;
  /** int mlx5dv_crypto_logout(struct ibv_context *context) */
  mlx5dv_crypto_logout(context: ContextPtr): number;

  /** struct mlx5dv_dek *mlx5dv_dek_create(struct ibv_context *context, struct mlx5dv_dek_init_attr *init_attr) */
  mlx5dv_dek_create(context: ContextPtr, initAttr: Uint8Array): DekPtr | null;
  /** int mlx5dv_dek_query(struct mlx5dv_dek *dek, struct mlx5dv_dek_attr *attr) */
  mlx5dv_dek_query(dek: DekPtr, attr: Uint8Array): number;
  /** int mlx5dv_dek_destroy(struct mlx5dv_dek *dek) */
  mlx5dv_dek_destroy(dek: DekPtr): number;

  /** The object API, undefined before rdma-core 42 (symbol version MLX5_1.24). */
  readonly loginObjects: LoginObjects | undefined;

  /** The three calls that come in thousands, on libuv's pool. */
  readonly async: AsyncCalls;
  /**
   * Calls a function of this or another ffi.ts on libuv's pool. `args` live until it has come back. Rejects with BUSY
   * when Koffi has no room for another call.
   */
  off(fn: CFunction, args: readonly unknown[]): Promise<Returned<unknown>>;

  /** errno of this thread's last call. */
  errno(): number;
  /** A copy of `length` bytes at `pointer`. */
  bytesAt(pointer: bigint, length: number): Uint8Array;
  /** The pointers of an array that ends with NULL. */
  pointersAt(pointer: bigint): bigint[];
  /** Where the first byte of `bytes` lies: for pointers inside structures. */
  addressOf(bytes: Uint8Array): bigint;
}

export interface LoginObjects {
  /**
   * struct mlx5dv_crypto_login_obj *mlx5dv_crypto_login_create(struct ibv_context *, struct mlx5dv_crypto_login_attr_ex
   * *)
   */
  mlx5dv_crypto_login_create(context: ContextPtr, loginAttr: Uint8Array): LoginPtr | null;
  /** int mlx5dv_crypto_login_query(struct mlx5dv_crypto_login_obj *, struct mlx5dv_crypto_login_query_attr *) */
  mlx5dv_crypto_login_query(login: LoginPtr, queryAttr: Uint8Array): number;
  /** int mlx5dv_crypto_login_destroy(struct mlx5dv_crypto_login_obj *) */
  mlx5dv_crypto_login_destroy(login: LoginPtr): number;
}

/**
 * `done` comes on this thread, in a later turn of the event loop, with an errno that is 0 or positive. What a pointer
 * or a structure stands for has to live until then. EAGAIN when Koffi has no room for another call.
 */
export interface AsyncCalls {
  mlx5dv_dek_create(context: ContextPtr, initAttr: Uint8Array, done: (dek: DekPtr | null, errno: number) => void): void;
  mlx5dv_dek_query(dek: DekPtr, attr: Uint8Array, done: (errno: number) => void): void;
  mlx5dv_dek_destroy(dek: DekPtr, done: (errno: number) => void): void;
  /** For as many at once as pays. */
  readonly slots: CallSlots;
}

/** A C function of one of the files named ffi.ts. */
export type CFunction = (...args: never[]) => unknown;

/** What a call returned, and errno after it. */
export interface Returned<R> {
  readonly result: R;
  readonly errno: number;
}

type Type = string | TypeObject;

let loaded: Library | undefined;

/**
 * The libraries, loaded at the first call and kept for the life of the process. Throws NO_LIBRARY when one of them is
 * missing, OLD_LIBRARY before rdma-core 37, MIXED_LIBRARIES when they are of different releases; UNSUPPORTED on a
 * machine whose C layouts differ from c-layout.ts.
 */
export function library(): Library {
  loaded ??= load();
  return loaded;
}

function load(): Library {
  const koffi = loadKoffi();
  if (endianness() !== 'LE' || koffi.sizeof('void *') !== 8) {
    throw new DekError('UNSUPPORTED', `${process.arch} is not supported: 64-bit little-endian Linux is needed`);
  }
  pin(koffi, ['libibverbs.so.1', 'libmlx5.so.1']);
  const verbs = koffi.load('libibverbs.so.1');
  const mlx5 = koffi.load('libmlx5.so.1');
  const pointer = koffi.pointer(koffi.opaque());
  const mailbox = [pointer, 'size_t'];

  const func = <F>(from: LibraryHandle, result: Type, name: string, ...args: Type[]): F => {
    try {
      return from.func(name, result, args) as F;
    } catch (cause) {
      throw new DekError('OLD_LIBRARY', `the installed libmlx5 has no function ${name}`, {
        hint: 'rdma-core 37 or later is needed: update libibverbs1 and ibverbs-providers',
        cause,
      });
    }
  };
  const loginObjects = (): LoginObjects | undefined => {
    try {
      return {
        mlx5dv_crypto_login_create: func(mlx5, pointer, 'mlx5dv_crypto_login_create', pointer, pointer),
        mlx5dv_crypto_login_query: func(mlx5, 'int', 'mlx5dv_crypto_login_query', pointer, pointer),
        mlx5dv_crypto_login_destroy: func(mlx5, 'int', 'mlx5dv_crypto_login_destroy', pointer),
      };
    } catch {
      return undefined;
    }
  };

  type Create = KoffiFunc<Library['mlx5dv_dek_create']>;
  type Query = KoffiFunc<Library['mlx5dv_dek_query']>;
  type Destroy = KoffiFunc<Library['mlx5dv_dek_destroy']>;
  const dekCreate = func<Create>(mlx5, pointer, 'mlx5dv_dek_create', pointer, pointer);
  const dekQuery = func<Query>(mlx5, 'int', 'mlx5dv_dek_query', pointer, pointer);
  const dekDestroy = func<Destroy>(mlx5, 'int', 'mlx5dv_dek_destroy', pointer);

  /** The arguments of the calls that are under way: C may have their addresses, and nobody else the buffers. */
  const underWay = new Set<readonly unknown[]>();
  const off = (fn: CFunction, args: readonly unknown[]): Promise<Returned<unknown>> =>
    new Promise((resolve, reject) => {
      const done = (error: unknown, result: unknown): void => {
        const errno = koffi.errno(); // here and not after an await: it belongs to the callback
        underWay.delete(args);
        if (error) reject(error);
        else resolve({result, errno});
      };
      underWay.add(args);
      try {
        (fn as unknown as KoffiFunc<(...args: unknown[]) => unknown>).async(...args, done);
      } catch (cause) {
        // Koffi runs 256 calls at once (max_async_calls).
        underWay.delete(args);
        reject(new DekError('BUSY', 'too many calls are under way', {hint: 'try again after a moment', cause}));
      }
    });

  const openDevice = func<CFunction>(mlx5, pointer, 'mlx5dv_open_device', pointer, pointer);
  const devxAttr = new Uint8Array(MLX5DV_CONTEXT_ATTR_ROOM);
  devxAttr[MLX5DV_CONTEXT_ATTR.flags] = C.MLX5DV_CONTEXT_FLAGS_DEVX;

  return {
    ibv_get_device_list: func(verbs, pointer, 'ibv_get_device_list', pointer),
    ibv_free_device_list: func(verbs, 'void', 'ibv_free_device_list', pointer),
    ibv_get_device_guid: func(verbs, 'uint64_t', 'ibv_get_device_guid', pointer),
    ibv_close_device: func(verbs, 'int', 'ibv_close_device', pointer),
    ibv_alloc_pd: func(verbs, pointer, 'ibv_alloc_pd', pointer),
    ibv_dealloc_pd: func(verbs, 'int', 'ibv_dealloc_pd', pointer),
    mlx5dv_is_supported: func(mlx5, 'bool', 'mlx5dv_is_supported', pointer),
    mlx5dv_open_device: async (device) => {
      const {result, errno} = await off(openDevice, [device, devxAttr]);
      return {context: result as ContextPtr | null, errno};
    },
    mlx5dv_query_device: func(mlx5, 'int', 'mlx5dv_query_device', pointer, pointer),
    mlx5dv_devx_general_cmd: func(mlx5, 'int', 'mlx5dv_devx_general_cmd', pointer, ...mailbox, ...mailbox),
    mlx5dv_devx_obj_create: func(mlx5, pointer, 'mlx5dv_devx_obj_create', pointer, ...mailbox, ...mailbox),
    mlx5dv_devx_obj_destroy: func(mlx5, 'int', 'mlx5dv_devx_obj_destroy', pointer),
    mlx5dv_init_obj: func(mlx5, 'int', 'mlx5dv_init_obj', pointer, 'uint64_t'),
    mlx5dv_crypto_login: func(mlx5, 'int', 'mlx5dv_crypto_login', pointer, pointer),
    mlx5dv_crypto_login_query_state: func(mlx5, 'int', 'mlx5dv_crypto_login_query_state', pointer, pointer),
    mlx5dv_crypto_logout: func(mlx5, 'int', 'mlx5dv_crypto_logout', pointer),
    mlx5dv_dek_create: dekCreate,
    mlx5dv_dek_query: dekQuery,
    mlx5dv_dek_destroy: dekDestroy,
    async: {
      mlx5dv_dek_create: (context, initAttr, done) => {
        // errno is read here and not after an await: it belongs to the callback, and is lost one turn later.
        const ended = (_: unknown, dek: DekPtr | null) => done(dek, dek === null ? koffi.errno() : 0);
        if (!started(() => dekCreate.async(context, initAttr, ended))) queueMicrotask(() => done(null, EAGAIN));
      },
      mlx5dv_dek_query: (dek, attr, done) => {
        const ended = (_: unknown, errno: number) => done(errno);
        if (!started(() => dekQuery.async(dek, attr, ended))) queueMicrotask(() => done(EAGAIN));
      },
      mlx5dv_dek_destroy: (dek, done) => {
        const ended = (_: unknown, errno: number) => done(errno);
        if (!started(() => dekDestroy.async(dek, ended))) queueMicrotask(() => done(EAGAIN));
      },
      slots: new CallSlots(Math.min(MAX_ASYNC_CALLS, koffi.config().resident_async_pools ?? 1)),
    },
    off,
    loginObjects: loginObjects(),
    errno: () => koffi.errno(),
    bytesAt: (at, length) => koffi.decode(at, koffi.array('uint8_t', length)) as Uint8Array,
    pointersAt: (at) => {
      const pointers: bigint[] = [];
      for (let i = 0; ; i++) {
        const next = koffi.decode(at, i * 8, pointer) as bigint | null;
        if (next === null) return pointers;
        pointers.push(next);
      }
    },
    addressOf: (bytes) => koffi.address(bytes),
  };
}

/** False when Koffi has no room for another call (max_async_calls, 256). */
function started(call: () => void): boolean {
  try {
    call();
    return true;
  } catch {
    return false;
  }
}

let version: {text: string | undefined} | undefined;

/**
 * The release of rdma-core that is loaded, such as `44.0`, or undefined when the file's name does not tell: the
 * library has no function for it, but its file is called libmlx5.so.1.24.44.0.
 */
export function libraryVersion(): string | undefined {
  library();
  // Once: it stays loaded as long as the process lives.
  version ??= {text: /\/libmlx5\.so\.\d+\.\d+\.(\d+\.\d+)$/m.exec(readFileSync('/proc/self/maps', 'latin1'))?.[1]};
  return version.text;
}
