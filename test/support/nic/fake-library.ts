/**
 * libibverbs and libmlx5 without a NIC: records each call and a copy of the structure that came with it. For what a
 * real library cannot show: which calls were not made, what exactly was handed over, and that it was wiped afterwards.
 */

import {CallSlots} from '../../../src/rdma/command-queue.js';
import {Context} from '../../../src/rdma/context.js';
import type {Library} from '../../../src/rdma/ffi.js';

export interface FakeOptions {
  /** flags, engines, method, log: as in struct mlx5dv_crypto_caps. */
  caps?: {flags: number; engines: number; method: number; logMaxDeks: number};
  /** Without login objects, as before rdma-core 42. */
  old?: boolean;
}

export class FakeLibrary {
  readonly calls: {name: string; struct: Uint8Array | undefined; live: Uint8Array | undefined}[] = [];
  /** What the next call of this name returns, as an errno, or throws. */
  readonly failures = new Map<string, number | Error>();
  /** The errno of every call that `failures` does not name. */
  failWhen: (name: string, struct: Uint8Array | undefined) => number = () => 0;
  /** What a structure pointed at last, and what it held then. */
  pointedAt: {copy: Uint8Array; live: Uint8Array} | undefined;
  /** Asynchronous calls that are under way; `held` keeps them so. */
  readonly underWay: (() => void)[] = [];
  held = false;
  /** Whether a query writes READY where it has to; failWhen may write something else. */
  answersQueries = true;
  /** The head of the firmware's answer to a command that is asked once more; empty: it does it. */
  told: Uint8Array = new Uint8Array(8);
  readonly library: Library;
  readonly context: Context;
  #errno = 0;
  #next = 0x1000n;

  constructor({caps = {flags: 3, engines: 6, method: 1, logMaxDeks: 4}, old = false}: FakeOptions = {}) {
    const returnsErrno = (name: string) => (_pointer: unknown, struct?: Uint8Array) => this.#call(name, struct);
    const returnsPointer = (name: string) => (_pointer: unknown, struct?: Uint8Array) => {
      this.#errno = this.#call(name, struct);
      return this.#errno === 0 ? this.#next++ : null;
    };
    const library: Record<keyof Library, unknown> = {
      ibv_get_device_list: returnsPointer('ibv_get_device_list'),
      ibv_free_device_list: returnsErrno('ibv_free_device_list'),
      ibv_get_device_guid: () => 0n,
      ibv_close_device: returnsErrno('ibv_close_device'),
      ibv_alloc_pd: returnsPointer('ibv_alloc_pd'),
      ibv_dealloc_pd: returnsErrno('ibv_dealloc_pd'),
      mlx5dv_is_supported: () => true,
      mlx5dv_open_device: async () => ({context: 1n, errno: 0}),
      mlx5dv_query_device: (_context: unknown, attrs: Uint8Array) => {
        attrs.set([caps.engines, caps.method, caps.logMaxDeks], 138);
        attrs[144] = caps.flags;
        return this.#call('mlx5dv_query_device', attrs);
      },
      mlx5dv_devx_general_cmd: (_context: unknown, in_: Uint8Array, _inlen: number, out: Uint8Array) => {
        out[16] = ((caps.flags & 2) << 6) | ((caps.flags & 4) << 4);
        out[19] = caps.method * 4;
        out[21] = caps.logMaxDeks;
        return this.#call('mlx5dv_devx_general_cmd', in_);
      },
      mlx5dv_devx_obj_create: (_context: unknown, in_: Uint8Array, _inlen: number, out: Uint8Array) => {
        this.#errno = this.#call('mlx5dv_devx_obj_create', in_) || 121;
        out.set(this.told);
        return this.told.length > 0 ? null : this.#next++;
      },
      mlx5dv_devx_obj_destroy: returnsErrno('mlx5dv_devx_obj_destroy'),
      mlx5dv_init_obj: () => 0,
      mlx5dv_crypto_login: returnsErrno('mlx5dv_crypto_login'),
      mlx5dv_crypto_login_query_state: returnsErrno('mlx5dv_crypto_login_query_state'),
      mlx5dv_crypto_logout: returnsErrno('mlx5dv_crypto_logout'),
      mlx5dv_dek_create: returnsPointer('mlx5dv_dek_create'),
      mlx5dv_dek_query: returnsErrno('mlx5dv_dek_query'),
      mlx5dv_dek_destroy: returnsErrno('mlx5dv_dek_destroy'),
      loginObjects: old
        ? undefined
        : {
            mlx5dv_crypto_login_create: returnsPointer('mlx5dv_crypto_login_create'),
            mlx5dv_crypto_login_query: returnsErrno('mlx5dv_crypto_login_query'),
            mlx5dv_crypto_login_destroy: returnsErrno('mlx5dv_crypto_login_destroy'),
          },
      async: {
        slots: new CallSlots(4),
        mlx5dv_dek_create: (_context: unknown, struct: Uint8Array, done: (dek: bigint | null, errno: number) => void) =>
          this.#later(() => {
            const errno = this.#call('mlx5dv_dek_create', struct);
            done(errno === 0 ? this.#next++ : null, errno);
          }),
        mlx5dv_dek_query: (_dek: unknown, struct: Uint8Array, done: (errno: number) => void) =>
          this.#later(() => done(this.#call('mlx5dv_dek_query', struct))),
        mlx5dv_dek_destroy: (_dek: unknown, done: (errno: number) => void) =>
          this.#later(() => done(this.#call('mlx5dv_dek_destroy', undefined))),
      },
      off: (fn: (...args: unknown[]) => unknown, args: readonly unknown[]) =>
        new Promise((resolve, reject) =>
          this.#later(() => {
            try {
              resolve({result: fn(...args), errno: this.#errno});
            } catch (error) {
              reject(error);
            }
          }),
        ),
      errno: () => this.#errno,
      bytesAt: () => new Uint8Array(),
      pointersAt: () => [],
      addressOf: (live: Uint8Array) => {
        this.pointedAt = {copy: live.slice(), live};
        return 0xc0ffeen;
      },
    };
    this.library = library as unknown as Library;
    const info = {
      name: 'mlx5_0',
      node: '/dev/infiniband/uverbs0',
      nodeGuid: '506b:4b03:00c0:ffee',
      pciAddress: undefined,
      model: undefined,
      firmware: undefined,
      mlx5: true,
    };
    this.context = new Context(this.library, 1n as never, info);
    this.calls.length = 0;
  }

  /** The names of the calls made since the context was opened. */
  get names(): string[] {
    return this.calls.map(({name}) => name);
  }

  /** Ends the asynchronous calls that are under way. */
  release(): void {
    this.held = false;
    for (const end of this.underWay.splice(0)) end();
  }

  #later(end: () => void): void {
    this.underWay.push(end);
    setTimeout(() => this.held || this.release(), 2);
  }

  #call(name: string, struct: Uint8Array | undefined): number {
    this.calls.push({name, struct: struct?.slice(), live: struct});
    if (name === 'mlx5dv_dek_query' && this.answersQueries) struct![0] = 0; // READY
    const failure = this.failures.get(name) ?? this.failWhen(name, struct);
    this.failures.delete(name);
    if (failure instanceof Error) throw failure;
    return failure;
  }
}
