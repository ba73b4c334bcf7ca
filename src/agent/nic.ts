/**
 * One NIC of the agent: its context, its login, and the DEKs that it should hold. A DEK that should be there and is not,
 * because the NIC went away or would not make it again, stays in the list without a handle, for the health check to heal.
 */
import {setImmediate as nextTurn} from 'node:timers/promises';
import {equalBytes} from '../bytes.js';
import {DekError} from '../errors.js';
import {
  type CreateDekOptions,
  type Dek,
  type DekState,
  type Device,
  isCalled,
  type Login,
  openDevice,
} from '../rdma/index.js';
import type {DekLayout} from '../wrap/layout.js';
import type {Events} from './events.js';
import type {DekStatus, LoginRequest, LoginStatus, NicStatus} from './protocol.js';
import {retryBusy} from './retry.js';

/** DEKs that are made on this thread before other requests get their turn. */
const CREATES_A_TURN = 16;

/** A DEK that should be on the NIC. Kept small: there may be a hundred thousand. */
export interface HeldDek {
  /** Null while it is missing. */
  dek: Dek | null;
  /** What the NIC said last. */
  state: DekStatus['state'];
  /** The number of the apply whose manifest named it last. */
  round: number;
  readonly layout: DekLayout;
  /** In hex, as it was given. */
  readonly opaque: string;
  /** Tells one key from another without keeping it; 0 when it did not come from a manifest. */
  readonly fingerprint: number;
  /** The wrapped key, to make it again when no manifest tells: null for those of a manifest, and for plaintext keys. */
  readonly wrapped: Uint8Array | null;
}

export class Nic {
  readonly name: string;
  /** What should be there, by name. */
  readonly deks = new Map<string, HeldDek>();
  readonly #events: Events;
  /** Destroyed for the agent, but not yet by the NIC. */
  readonly #dismissed = new Set<Dek>();
  #device: Device;
  #login: {readonly login: Login; readonly request: LoginRequest} | undefined;
  /** The last login that worked: ciphertext, kept to log in again by oneself. */
  #lastLogin: LoginRequest | undefined;
  /** The NIC answered EIO: nothing but a new context can work again. */
  #gone = false;

  private constructor(device: Device, events: Events) {
    this.name = device.name;
    this.#device = device;
    this.#events = events;
  }

  /** Opens the NIC. Throws what `openDevice` throws. */
  static async open(deviceName: string | undefined, events: Events): Promise<Nic> {
    return new Nic(await openDevice(deviceName), events);
  }

  /** Whether `name` (mlx5_0, a PCI address, a node GUID) means this NIC. */
  isCalled(name: string): boolean {
    return isCalled(this.#device.info, name);
  }

  get gone(): boolean {
    return this.#gone;
  }

  get importMode(): string {
    return this.#device.caps.importMode;
  }

  /** DEKs that it can hold for all processes together; 0 when it does not say. */
  get maxDeks(): number {
    return this.#device.caps.maxDeks;
  }

  /** What the login that is there was made by. */
  get loginRequest(): LoginRequest | undefined {
    return this.#login?.request;
  }

  get lastLogin(): LoginRequest | undefined {
    return this.#lastLogin;
  }

  status(): NicStatus {
    const {name, importMode, gone, maxDeks} = this;
    return {name, importMode, gone, login: this.loginStatus(), maxDeks};
  }

  /** Asks the NIC for the state of the login; null when there is none. */
  loginStatus(): LoginStatus | null {
    if (!this.#login) return null;
    const {login, request} = this.#login;
    const {credentialId, importKekId} = request;
    try {
      return {state: this.#gone ? 'UNKNOWN' : this.#watch(() => login.query()), credentialId, importKekId};
    } catch {
      return {state: 'UNKNOWN', credentialId, importKekId};
    }
  }

  /** Logs in, after a logout when there is a login. Throws what the NIC's refusal means. */
  async login(request: LoginRequest): Promise<void> {
    await this.#closeLogin();
    this.#assertThere();
    const [login] = await retryBusy([request], async () => [this.#tryLogin(request)]);
    if (login instanceof DekError) throw login;
    this.#login = {login: login!, request};
    this.#lastLogin = request;
    const {credentialId, importKekId} = request;
    this.#events.emit('info', 'login', {device: this.name, credentialId, importKekId});
  }

  /** Logs in; false, and an event, when the NIC refuses. */
  async tryLogin(request: LoginRequest): Promise<boolean> {
    try {
      await this.login(request);
      return true;
    } catch (error) {
      this.#events.emit('warn', 'login-failed', {device: this.name, error: (error as Error).message});
      return false;
    }
  }

  /**
   * Back to the login that `lastLogin` was, or to none, after a change that failed. Where the NIC does not let it the health
   * check tries again.
   */
  async restoreLogin(before: LoginRequest | undefined): Promise<void> {
    if (!this.#gone && this.loginRequest !== before) {
      if (before) await this.tryLogin(before);
      else await this.#tryLogout();
    }
    this.#lastLogin = before;
  }

  /** Whether there is a VALID login by the same credential. */
  isLoggedInAs({credential, credentialId, importKekId}: LoginRequest): boolean {
    const request = this.#login?.request;
    return (
      this.loginStatus()?.state === 'VALID' &&
      request?.credentialId === credentialId &&
      request.importKekId === importKekId &&
      equalBytes(request.credential, credential)
    );
  }

  /** Throws NO_LOGIN when there is none. The DEKs stay, but cannot be queried until the next login. */
  async logout(): Promise<void> {
    this.assertLogin();
    await this.#closeLogin();
    this.#lastLogin = undefined;
    this.#events.emit('info', 'logout', {device: this.name});
  }

  /** Throws NO_LOGIN unless there is a login, or the NIC needs none. */
  assertLogin(): void {
    if (this.#login || this.importMode === 'plaintext') return;
    throw new DekError('NO_LOGIN', `the agent is not logged in to ${this.name}`, {
      hint: 'dek login --credential FILE --credential-id ID --import-kek-id ID',
    });
  }

  /**
   * Makes DEKs and asks the NIC for each whether it is READY: a result per option set, in order, the DEK or why there is
   * none. One that is not READY is destroyed again.
   */
  async make(options: readonly CreateDekOptions[]): Promise<(Dek | DekError)[]> {
    const started = performance.now();
    const create = (some: readonly CreateDekOptions[]): Promise<(Dek | DekError)[]> =>
      some.some(({plaintext}) => plaintext) ? this.#createHere(some) : this.#device.createDeks(some);
    const made = await this.#watchAll(() => retryBusy(options, create));
    const deks = made.filter((dek): dek is Dek => !(dek instanceof DekError));
    const states = await this.query(deks);
    const unfit = new Map<Dek, DekError>();
    for (const [i, dek] of deks.entries()) {
      const state = states[i]!;
      if (state === 'READY') continue;
      unfit.set(
        dek,
        state instanceof DekError ? state : new DekError('NOT_READY', `the NIC made it, but says ${state}`),
      );
    }
    await this.dismiss([...unfit.keys()]);
    const results = made.map((dek) => (dek instanceof DekError ? dek : (unfit.get(dek) ?? dek)));
    const refused = results.flatMap((result) => (result instanceof DekError ? (result.errno ?? result.code) : []));
    const seconds = (performance.now() - started) / 1000;
    this.#events.emit('debug', 'made', {device: this.name, deks: results.length - refused.length, refused, seconds});
    return results;
  }

  /** The state of each DEK, in order. */
  query(deks: readonly Dek[]): Promise<(DekState | DekError)[]> {
    return this.#watchAll(() => retryBusy(deks, (some) => this.#device.queryDeks(some)));
  }

  /** Asks for the state of the DEKs of these names, as far as there are any. */
  async refresh(names: readonly string[]): Promise<void> {
    const held = names.flatMap((name) => this.deks.get(name) ?? []);
    const alive = held.filter(({dek}) => dek && !this.#gone);
    const asked = alive.map(({dek}) => dek!);
    const states = await this.query(asked);
    for (const one of held) if (!one.dek || this.#gone) one.state = 'UNKNOWN';
    for (const [i, one] of alive.entries()) {
      if (one.dek !== asked[i]) continue; // replaced meanwhile: the answer is about another
      one.state = states[i] instanceof DekError ? 'UNKNOWN' : states[i]!;
    }
  }

  /** Destroys DEKs; what each failed with, in order, or undefined. One that was destroyed before has not failed. */
  async destroy(deks: readonly Dek[]): Promise<(DekError | undefined)[]> {
    const results = await this.#watchAll(() =>
      retryBusy<Dek, undefined>(deks, (some) => this.#device.destroyDeks(some)),
    );
    return results.map((result) => (result?.code === 'CLOSED' ? undefined : result));
  }

  /** Destroys DEKs that are no part of the set any more. Those that the NIC will not let go of are tried again later. */
  async dismiss(deks: readonly Dek[]): Promise<void> {
    const results = await this.destroy(deks);
    const left = deks.filter((_, i) => results[i] && !this.#gone);
    for (const dek of left) this.#dismissed.add(dek);
    if (left.length > 0) this.#events.emit('warn', 'destroy-failed', {device: this.name, deks: left.length});
  }

  /** Tries again to destroy what `dismiss` could not. */
  async dismissAgain(): Promise<void> {
    const deks = [...this.#dismissed];
    this.#dismissed.clear();
    await this.dismiss(deks);
  }

  /**
   * Opens the NIC anew after it was gone: its login and all its DEKs are missing then. Throws what `openDevice` throws while
   * it is not back.
   */
  async reopen(): Promise<void> {
    const gone = this.#device;
    this.#device = await openDevice(this.name);
    this.#login = undefined;
    this.#dismissed.clear();
    this.#gone = false;
    for (const held of this.deks.values()) {
      held.dek = null;
      held.state = 'UNKNOWN';
    }
    this.#events.emit('warn', 'device-back', {device: this.name, missingDeks: this.deks.size});
    await this.#closeDevice(gone);
  }

  /** Destroys all DEKs, logs out, closes. Goes on where the NIC says no: the close, or the end of the process, frees all. */
  async close(): Promise<void> {
    this.deks.clear();
    await this.#closeDevice(this.#device);
  }

  async #closeDevice(device: Device): Promise<void> {
    try {
      await device.closeAsync();
    } catch (error) {
      this.#events.emit('warn', 'close-failed', {device: this.name, error: (error as Error).message});
    }
  }

  /**
   * Plaintext keys are made one by one on this thread, each with a query after it: that overwrites the copy of the key that
   * libmlx5 leaves on the stack, which on a thread of the pool would stay.
   */
  async #createHere(options: readonly CreateDekOptions[]): Promise<(Dek | DekError)[]> {
    const made: (Dek | DekError)[] = [];
    for (const option of options) {
      if (made.length % CREATES_A_TURN === CREATES_A_TURN - 1) await nextTurn();
      made.push(this.#createOne(option));
    }
    return made;
  }

  #createOne(option: CreateDekOptions): Dek | DekError {
    let dek: Dek;
    try {
      dek = this.#device.createDek(option);
    } catch (error) {
      if (error instanceof DekError) return error;
      throw error;
    }
    try {
      dek.query();
    } catch {
      // Asked for what it leaves on the stack, not for its answer: `make` asks again.
    }
    return dek;
  }

  #tryLogin(request: LoginRequest): Login | DekError {
    try {
      return this.#watch(() => this.#device.login(request));
    } catch (error) {
      if (error instanceof DekError) return error;
      throw error;
    }
  }

  async #closeLogin(): Promise<void> {
    if (this.#login && !this.#gone) {
      const {login} = this.#login;
      const [error] = await retryBusy([login], async () => [this.#tryClose(login)]);
      // The NIC may say that there is none any more: that is what was wanted.
      if (error && error.code !== 'NO_LOGIN' && error.code !== 'CLOSED') throw error;
    }
    this.#login = undefined;
  }

  #tryClose(login: Login): DekError | undefined {
    try {
      this.#watch(() => login.close());
    } catch (error) {
      if (error instanceof DekError) return error;
      throw error;
    }
    return undefined;
  }

  async #tryLogout(): Promise<void> {
    try {
      await this.#closeLogin();
    } catch (error) {
      this.#events.emit('warn', 'logout-failed', {device: this.name, error: (error as Error).message});
    }
  }

  #assertThere(): void {
    if (!this.#gone) return;
    throw new DekError('DEVICE_GONE', `${this.name} stopped answering`, {
      hint: 'the agent opens it anew when it is back',
    });
  }

  #watch<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      this.#notice(error);
      throw error;
    }
  }

  async #watchAll<T>(call: () => Promise<readonly T[]>): Promise<T[]> {
    const results = await call();
    for (const result of results) this.#notice(result);
    return [...results];
  }

  /** The loss of the NIC is noticed wherever it shows first. */
  #notice(error: unknown): void {
    if (!(error instanceof DekError) || error.code !== 'DEVICE_GONE' || this.#gone) return;
    this.#gone = true;
    this.#events.emit('error', 'device-gone', {device: this.name});
  }
}
