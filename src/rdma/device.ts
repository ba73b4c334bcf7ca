/** An open NIC: what it can do, its one login, its DEKs. */

import {access, constants, open} from 'node:fs/promises';
import type {DekState, LoginOptions} from '../dek-layout.js';
import {DekError, systemCode} from '../errors.js';
import type {Caps} from './caps.js';
import {assertObject, copyList, wrongReceiver} from './checks.js';
import {closeContext, closeContextAsync} from './close.js';
import {Context} from './context.js';
import {type CreatedDeks, createDek, createDeks} from './create.js';
import type {Prover} from './data-path/prover.js';
import {Dek} from './dek.js';
import {callFailed} from './errno.js';
import {library} from './ffi.js';
import {type CreateDekOptions, type DekColumn, Keys} from './keys.js';
import {type DeviceInfo, selectDevice, withDevices} from './list.js';
import {createLogin, type Login} from './login.js';
import type {LoginApiName} from './login-api.js';

export interface OpenOptions {
  /** Which login API to use; by default login objects where the library has them (rdma-core >= 42). */
  loginApi?: LoginApiName | undefined;
}

/**
 * An open device. `login`, `createDek` and what they return run a firmware command a call and wait for its end, as the
 * C library does. What returns a promise lets the NIC work on as many at once as libuv's pool has threads: 4, unless
 * UV_THREADPOOL_SIZE says otherwise before the process first uses the pool; 16 is a good number. On a NIC that answers
 * within microseconds it runs on this thread, a millisecond at a time. Only the thread that opened a device can use it.
 */
export class Device {
  readonly #context: Context;
  readonly #loginApi: LoginApiName;
  /** The last one. */
  #login: Login | undefined;

  /** Not for callers: `openDevice()` makes devices. */
  constructor(context: Context, loginApi: LoginApiName) {
    if (!(context instanceof Context)) throw new DekError('BAD_ARGUMENT', 'a Device comes from openDevice()');
    this.#context = context;
    this.#loginApi = loginApi;
  }

  /** `mlx5_0` */
  get name(): string {
    return Device.#check(this).#context.info.name;
  }

  get info(): DeviceInfo {
    return Device.#check(this).#context.info;
  }

  /** What the NIC said when it was opened. libmlx5 goes by it until the device is closed. */
  get caps(): Caps {
    return Device.#check(this).#context.caps;
  }

  /**
   * What the NIC says now, a firmware command; `importMode` is `unknown` when it refuses to tell. Where that differs
   * from `caps` only a new `openDevice()` makes use of it. Engines are those of the open, and without one all is of the
   * open. Throws CLOSED and DEVICE_GONE.
   */
  readCaps(): Caps {
    return Device.#check(this).#context.capsNow();
  }

  /** Which of libmlx5's login APIs is in use; `session` before rdma-core 42. */
  get loginApi(): LoginApiName {
    return Device.#check(this).#loginApi;
  }

  get closed(): boolean {
    return Device.#check(this).#context.closed;
  }

  /** How many commands of the calls off this thread the NIC has answered. */
  get answers(): number {
    return Device.#check(this).#context.queue.settled;
  }

  /** The login that `login` made and that is not closed. */
  get currentLogin(): Login | undefined {
    const login = Device.#check(this).#login;
    return login === undefined || login.closed ? undefined : login;
  }

  /** Logs in. Throws EXISTS when there is a login, REFUSED when the NIC does not take the credential, CLOSED. */
  login(options: LoginOptions): Login {
    const self = Device.#check(this);
    self.#login = createLogin(self.#context, self.#loginApi, options);
    return self.#login;
  }

  /**
   * Creates a DEK. Throws BAD_ARGUMENT when key, size and tag do not agree, NO_LOGIN for a wrapped key without a
   * login, REFUSED when the NIC does not take the key, LIMIT when it is full, UNSUPPORTED for the wrong import mode.
   */
  createDek(options: CreateDekOptions): Dek {
    return createDek(Device.#check(this).#context, options);
  }

  /**
   * Creates many DEKs: a list of any, or a column of one layout, for which nothing is made but the DEK. Resolves with a
   * DEK or the NIC's refusal for each, in order; with `query` each is asked for its state right after its create.
   * Wrapped ones are made off this thread, plaintext ones on it, 16 a turn of the event loop. Rejects, and sends
   * nothing, when one of the options is wrong or none can be sent (what `createDek` throws before it asks the NIC). All
   * is copied first: the caller may wipe its buffers as soon as it has the promise.
   */
  async createDeks(
    deks: readonly CreateDekOptions[] | DekColumn,
    options: {query?: boolean | undefined} = {},
  ): Promise<CreatedDeks> {
    const context = Device.#check(this).#context;
    assertObject(options, 'options');
    const {query = false} = options;
    if (typeof query !== 'boolean') throw new DekError('BAD_ARGUMENT', '"query" expected true or false');
    const keys = Array.isArray(deks) ? Keys.ofList(copyList(deks, 'deks')) : Keys.ofColumn(deks as DekColumn);
    return createDeks(context, keys, query);
  }

  /** `dek.query()` for many, off this thread. Resolves with a state or an error for each, in order. */
  async queryDeks(deks: readonly Dek[]): Promise<(DekState | DekError)[]> {
    return Dek.queryAll(Device.#check(this).#context, deks);
  }

  /** `dek.destroy()` for many, off this thread. Resolves with undefined or an error for each, in order. */
  async destroyDeks(deks: readonly Dek[]): Promise<(DekError | undefined)[]> {
    return Dek.destroyAll(Device.#check(this).#context, deks);
  }

  /**
   * What lets known data pass DEKs of this device: some queues and memory on the NIC, until it or the device is closed.
   * Rejects with what the NIC's refusal means, LIMIT when too little memory may be locked, UNSUPPORTED when a queue
   * pair cannot be connected with itself, and CLOSED.
   */
  async openProver(): Promise<Prover> {
    const context = Device.#check(this).#context;
    const {Prover} = await import('./data-path/prover.js');
    return new Prover(context);
  }

  /**
   * Destroys all DEKs, logs out and closes the device. Throws CLOSED the second time, and BUSY while calls are under
   * way, or when the NIC would not let go of a DEK or of the login yet: the device stays open then, with what is left,
   * to be closed again.
   * When the NIC no longer answers, closing the device file is enough for it to forget everything; what stays until
   * the process ends are a few small structures of libmlx5, about 100 bytes a DEK, without keys.
   */
  close(): void {
    closeContext(Device.#check(this).#context);
  }

  /**
   * `close`, off this thread: from now on every call is CLOSED; those under way come to their end, those that wait for
   * their turn end as CLOSED.
   */
  async closeAsync(): Promise<void> {
    await closeContextAsync(Device.#check(this).#context);
  }

  /** `close`, and nothing when closed already. */
  [Symbol.dispose](): void {
    const self = Device.#check(this);
    if (!self.closed) self.close();
  }

  static #check(value: unknown): Device {
    if (typeof value === 'object' && value !== null && #context in value) return value;
    throw wrongReceiver('Device');
  }
}

/**
 * Opens the device called `name` (`mlx5_0`, PCI address or node GUID), or the only one. Throws NO_DEVICE, BAD_ARGUMENT
 * when several are meant, PERMISSION, UNSUPPORTED for a device that is not mlx5, NO_LIBRARY. Does not block: libmlx5
 * waits for a device that cannot be opened, up to five seconds, in another thread.
 */
export async function openDevice(name?: string, options: OpenOptions = {}): Promise<Device> {
  if (name !== undefined && typeof name !== 'string') throw new DekError('BAD_ARGUMENT', '"name" expected a string');
  assertObject(options, 'options');
  const {loginApi: wanted} = options;
  if (wanted !== undefined && wanted !== 'object' && wanted !== 'session') {
    throw new DekError('BAD_ARGUMENT', '"loginApi" expected object or session');
  }
  const lib = library();
  const loginApi = wanted ?? (lib.loginObjects === undefined ? 'session' : 'object');
  return withDevices(lib, async (devices) => {
    const {ptr, info} = selectDevice(devices, name);
    if (!info.mlx5) {
      throw new DekError('UNSUPPORTED', `${info.name} is no mlx5 device`, {
        hint: 'DEKs need a ConnectX or BlueField NIC of NVIDIA, driven by libmlx5',
      });
    }
    await assertAccess(info.node);
    const {context, errno} = await lib.mlx5dv_open_device(ptr);
    if (context === null) throw callFailed('open', (await openErrno(info.node)) ?? errno, {device: info.name});
    return new Device(new Context(lib, context, info), loginApi);
  });
}

/**
 * Asked first because libibverbs tries for five seconds and forgets the reason. A node that is not there is no verdict:
 * the library may find the device elsewhere.
 */
export async function assertAccess(node: string): Promise<void> {
  try {
    await access(node, constants.R_OK | constants.W_OK);
  } catch (cause) {
    const errno = systemCode(cause);
    if (errno !== 'EACCES' && errno !== 'EPERM') return;
    throw new DekError('PERMISSION', `permission denied on ${node}`, {
      hint: 'give the user read and write access to it (rdma-core ships udev rules), or run as root',
      errno,
      cause,
    });
  }
}

/** libibverbs says ENOENT whatever kept it from opening the node: what it was, or undefined when it opens now. */
async function openErrno(node: string): Promise<number | undefined> {
  try {
    await (await open(node, 'r+')).close();
    return undefined;
  } catch (error) {
    const {errno} = error as NodeJS.ErrnoException;
    return errno === undefined ? undefined : -errno;
  }
}
