/** An open NIC: what it can do, its one login, its DEKs. */

import {access, constants, open} from 'node:fs/promises';
import type {DekState, LoginOptions} from '../dek-layout.js';
import {DekError, systemCode} from '../errors.js';
import type {Caps} from './caps/caps.js';
import type {HcaCaps} from './caps/hca-caps.js';
import {releaseWithOldTweak} from './caps/tweak.js';
import {assertObject, copyList, wrongReceiver} from './checks.js';
import {closeContext, closeContextAsync} from './close.js';
import {Context} from './context.js';
import type {Port} from './data-path/port.js';
import type {Prover} from './data-path/prover.js';
import {type CreatedDeks, createDek, createDeks} from './dek/create.js';
import {Dek} from './dek/dek.js';
import {type CreateDekOptions, type DekColumn, Keys} from './dek/keys.js';
import {library} from './ffi.js';
import {type DeviceInfo, selectDevice, withDevices} from './list.js';
import {createLogin, type Login} from './login.js';
import type {LoginApiName} from './login-api.js';
import {callFailed} from './refusal/errno.js';

/** How to open a device. */
export interface OpenOptions {
  /** Which login API to use; by default login objects where the library has them (rdma-core >= 42). */
  loginApi?: LoginApiName | undefined;
}

/**
 * An open device. `login`, `createDek` and what they return run a firmware command a call and wait for its end, as the
 * C library does. What returns a promise lets the NIC work on as many at once as libuv's pool has threads: 4, unless
 * UV_THREADPOOL_SIZE says otherwise before the process first uses the pool; 16 is a good number. On a NIC that answers
 * within microseconds more than 256 at once run on this thread, a millisecond at a time. Only the thread that opened a
 * device can use it.
 */
export class Device {
  readonly #context: Context;
  readonly #loginApi: LoginApiName;
  /** The last one. */
  #login: Login | undefined;

  /** @internal `openDevice()` makes devices. */
  constructor(context: Context, loginApi: LoginApiName) {
    if (!(context instanceof Context)) throw new DekError('BAD_ARGUMENT', 'a Device comes from openDevice()');
    this.#context = context;
    this.#loginApi = loginApi;
  }

  /** `mlx5_0` */
  get name(): string {
    return Device.#check(this).#context.info.name;
  }

  /** Its names, addresses and kind. */
  get info(): DeviceInfo {
    return Device.#check(this).#context.info;
  }

  /** What the NIC said when it was opened. libmlx5 goes by it until the device is closed. */
  get caps(): Caps {
    return Device.#check(this).#context.caps;
  }

  /**
   * What the NIC says now, a firmware command, on this thread. Where that differs from `caps` only a new `openDevice()`
   * makes use of it. Engines are those of the open, and without one all is of the open.
   * @returns its capabilities; `importMode` is `unknown` when the NIC refuses to tell
   * @throws DekError: CLOSED, DEVICE_GONE
   */
  readCaps(): Caps {
    const context = Device.#open(this);
    return context.here(context.capsNow());
  }

  /**
   * `readCaps`, off this thread.
   * @returns its capabilities; `importMode` is `unknown` when the NIC refuses to tell
   * @throws DekError: CLOSED, DEVICE_GONE
   */
  async readCapsAsync(): Promise<Caps> {
    const context = Device.#open(this);
    return context.off(context.capsNow());
  }

  /** @internal For doctor. Throws CLOSED, DEVICE_GONE. */
  readHcaCaps(): HcaCaps {
    const context = Device.#open(this);
    return context.here(context.hcaCaps());
  }

  /** @internal For doctor: whether the port is up, and its address. Throws CLOSED, and what a refusal means. */
  async readPort(): Promise<Port> {
    const context = Device.#open(this);
    const {readPort} = await import('./data-path/port.js');
    return context.off(readPort(context.ptr, context.info.name));
  }

  /** Which of libmlx5's login APIs is in use; `session` before rdma-core 42. */
  get loginApi(): LoginApiName {
    return Device.#check(this).#loginApi;
  }

  /** Whether `close` was called. */
  get closed(): boolean {
    return Device.#check(this).#context.closed;
  }

  /** How many commands of the calls off this thread the NIC has answered. */
  get answers(): number {
    return Device.#check(this).#context.answered;
  }

  /** The login that `login` made and that is not closed. */
  get currentLogin(): Login | undefined {
    const login = Device.#check(this).#login;
    return login === undefined || login.closed ? undefined : login;
  }

  /**
   * Logs in, on this thread. One login at a time.
   * @param options - the wrapped credential of 48 bytes, and the ids of credential and import KEK on the NIC
   * @returns the login, which ends with `close` or with the device
   * @throws DekError: BAD_ARGUMENT; EXISTS when there is a login; REFUSED when the NIC does not take the credential;
   *   CLOSED
   */
  login(options: LoginOptions): Login {
    const self = Device.#check(this);
    self.#login = self.#context.here(createLogin(self.#context, self.#loginApi, options));
    return self.#login;
  }

  /**
   * `login`, off this thread. All is copied first: the caller may wipe its buffer as soon as it has the promise.
   * @param options - the wrapped credential of 48 bytes, and the ids of credential and import KEK on the NIC
   * @returns the login, which ends with `close` or with the device
   * @throws DekError: BAD_ARGUMENT; EXISTS when there is a login; REFUSED when the NIC does not take the credential;
   *   CLOSED
   */
  async loginAsync(options: LoginOptions): Promise<Login> {
    const self = Device.#check(this);
    const login = await self.#context.off(createLogin(self.#context, self.#loginApi, options));
    self.#login = login;
    return login;
  }

  /**
   * Creates a DEK on this thread.
   * @param options - the key, wrapped or plaintext, what it is, and its label
   * @returns the DEK, which lives until `destroy`, or until the device closes
   * @throws DekError: BAD_ARGUMENT when key, size and tag do not agree; NO_LOGIN for a wrapped key without a login;
   *   REFUSED when the NIC does not take the key; LIMIT when it is full; UNSUPPORTED for the wrong import mode; CLOSED
   */
  createDek(options: CreateDekOptions): Dek {
    return createDek(Device.#check(this).#context, options);
  }

  /**
   * Creates many DEKs: a list of any, or a column of one layout, for which nothing is made but the DEK. Wrapped ones
   * are made off this thread, plaintext ones on it, 16 a turn of the event loop. All is copied first: the caller may
   * wipe its buffers as soon as it has the promise.
   * @param deks - what to make them of
   * @param options - `query`: ask each for its state right after its create
   * @returns a DEK or the NIC's refusal for each, in order, and their states if they were asked for
   * @throws DekError, and sends nothing, when one of `deks` is wrong or none can be sent: what `createDek` throws
   *   before it asks the NIC
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

  /**
   * `dek.query()` for many, off this thread.
   * @param deks - DEKs of this device
   * @returns a state or an error for each, in order
   * @throws DekError: BAD_ARGUMENT for a DEK of another device; CLOSED
   */
  async queryDeks(deks: readonly Dek[]): Promise<(DekState | DekError)[]> {
    const context = Device.#check(this).#context;
    const [states] = await Promise.all([Dek.queryAll(context, deks), sweep(context)]);
    return states;
  }

  /**
   * `dek.destroy()` for many, off this thread.
   * @param deks - DEKs of this device
   * @returns undefined or an error for each, in order
   * @throws DekError: BAD_ARGUMENT for a DEK of another device; CLOSED
   */
  async destroyDeks(deks: readonly Dek[]): Promise<(DekError | undefined)[]> {
    const context = Device.#check(this).#context;
    const [errors] = await Promise.all([Dek.destroyAll(context, deks), sweep(context)]);
    return errors;
  }

  /**
   * Whether data that is encrypted by the library installed on this NIC has another tweak than everywhere else: before
   * rdma-core 44 on a NIC with the multi-block engine. A firmware command before 44, none later.
   * @returns the release of rdma-core that does that, such as `42.0`, or null
   * @throws DekError: CLOSED, DEVICE_GONE
   */
  releaseWithOldTweak(): string | null {
    const context = Device.#check(this).#context;
    const release = releaseWithOldTweak();
    return release !== undefined && context.here(context.hasMultiBlock()) ? release : null;
  }

  /**
   * What lets known data pass DEKs of this device: some queues and memory on the NIC, until it or the device is closed.
   * @returns the prover, which the caller closes
   * @throws DekError: LIMIT when too little memory may be locked; UNSUPPORTED when the NIC cannot be connected with
   *   itself; CLOSED; and what the NIC's refusal means
   */
  async openProver(): Promise<Prover> {
    const context = Device.#open(this);
    const {Prover} = await import('./data-path/prover.js');
    return Prover.open(context);
  }

  /**
   * Destroys all DEKs, logs out and closes the device. When the NIC no longer answers, closing the device file is
   * enough for it to forget everything; what stays until the process ends are a few small structures of libmlx5, about
   * 100 bytes a DEK, without keys.
   * @throws DekError: CLOSED the second time; BUSY while calls are under way, or when the NIC would not let go of a DEK
   *   or of the login yet: the device stays open then, with what is left, to be closed again
   */
  close(): void {
    closeContext(Device.#check(this).#context);
  }

  /**
   * `close`, off this thread: from now on every call is CLOSED; those under way come to their end, those that wait for
   * their turn end as CLOSED.
   * @throws DekError: as `close`
   */
  async closeAsync(): Promise<void> {
    await closeContextAsync(Device.#check(this).#context);
  }

  /**
   * `close`, and nothing when closed already.
   * @throws DekError: BUSY, as `close`
   */
  [Symbol.dispose](): void {
    const self = Device.#check(this);
    if (!self.closed) self.close();
  }

  /** @internal For shared/. Throws BAD_ARGUMENT. */
  static contextOf(device: Device): Context {
    return Device.#check(device).#context;
  }

  /** Throws CLOSED. */
  static #open(value: unknown): Context {
    const context = Device.#check(value).#context;
    context.ptr;
    return context;
  }

  static #check(value: unknown): Device {
    if (typeof value === 'object' && value !== null && #context in value) return value;
    throw wrongReceiver('Device');
  }
}

/** Where there are strays, which is rare. What stays is tried again the next time. */
async function sweep(context: Context): Promise<void> {
  if (context.strays.size > 0 && !context.refusesCalls) await context.off(context.sweep()).catch(() => {});
}

/**
 * Opens a device. Does not block: libmlx5 waits for a device that cannot be opened, up to five seconds, in another
 * thread.
 * @param name - `mlx5_0`, a PCI address or a node GUID; the only device when left out
 * @param options - which login API to use
 * @returns the device, which the caller closes
 * @throws DekError: NO_DEVICE; BAD_ARGUMENT when several are meant; PERMISSION; UNSUPPORTED for a device that is not
 *   mlx5; NO_LIBRARY
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
