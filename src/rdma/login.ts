/**
 * The crypto login of a device context: mlx5dv_crypto_login_create(3), and mlx5dv_crypto_login(3) before rdma-core 42.
 */
import {assertInteger, secretBytes, viewBytes, wipe} from '../bytes.js';
import {type LoginOptions, type LoginState, MAX_ID, WRAPPED_CREDENTIAL_BYTES} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {C} from './c-layout.js';
import {assertObject, wrongReceiver} from './checks.js';
import type {Context} from './context.js';
import type {LoginPtr} from './ffi.js';
import {LOGIN_APIS, type LoginApiName, type LoginCalls} from './login-api.js';
import {askAgain} from './refusal/ask-again.js';
import type {Call} from './refusal/errno-table.js';
import {explain, type Questions} from './refusal/explain.js';
import {assertFit, whyUnfit} from './refusal/fitness.js';
import {loginMailbox} from './refusal/mailbox.js';
import type {Told} from './refusal/status.js';
import {type Steps, wait} from './steps.js';

/** A crypto login. One per device context; DEKs that were made under it outlive it. */
export class Login {
  /** Of the credential on the NIC: 24 bits. */
  readonly credentialId: number;
  /** Of the import KEK on the NIC: 24 bits. */
  readonly importKekId: number;
  readonly #context: Context;
  readonly #calls: LoginCalls;
  /** The login object; null in the session API, where the context itself is the handle. */
  readonly #object: LoginPtr | null;
  #open = true;
  /** Questions that are under way: C reads the login object meanwhile. */
  #asked = 0;
  #whenUnasked: (() => void)[] = [];
  #closing = false;

  /** @internal `device.login()` makes logins. */
  constructor(context: Context, calls: LoginCalls, object: LoginPtr | null, credentialId: number, importKekId: number) {
    this.#context = context;
    this.#calls = calls;
    this.#object = object;
    this.credentialId = credentialId;
    this.importKekId = importKekId;
  }

  /** Whether it was closed, or its device was. */
  get closed(): boolean {
    const self = Login.#check(this);
    return !self.#open || self.#context.closed;
  }

  /**
   * Asks the NIC, on this thread.
   * @returns whether the login holds
   * @throws DekError: CLOSED after `close`; BUSY while `closeAsync` is at it; DEVICE_GONE and what else the NIC says
   */
  query(): LoginState {
    const self = Login.#check(this);
    self.#context.ptr;
    return self.#context.here(self.#query());
  }

  /**
   * `query`, off this thread.
   * @returns whether the login holds
   * @throws DekError: CLOSED after `close`; BUSY while `closeAsync` is at it; DEVICE_GONE and what else the NIC says
   */
  async queryAsync(): Promise<LoginState> {
    const self = Login.#check(this);
    self.#context.ptr;
    return self.#context.off(self.#query());
  }

  /**
   * Logs out, on this thread.
   * @throws DekError: CLOSED the second time; BUSY when the NIC wants to be asked again, or while another call of this
   *   login is under way or DEKs are being created: the login lives on then
   */
  close(): void {
    const self = Login.#check(this);
    self.#context.ptr;
    self.#context.here(self.#close());
  }

  /**
   * `close`, off this thread, when what asks for the login is done.
   * @throws DekError: CLOSED the second time; BUSY when the NIC wants to be asked again, or while another `closeAsync`
   *   is at it or DEKs are being created: the login lives on then
   */
  async closeAsync(): Promise<void> {
    const self = Login.#check(this);
    self.#context.ptr;
    await self.#context.off(self.#close());
  }

  /**
   * `close`, and nothing when closed already.
   * @throws DekError: BUSY, as `close`
   */
  [Symbol.dispose](): void {
    const self = Login.#check(this);
    if (!self.closed) self.close();
  }

  /** @internal Makes it the login of its context. */
  static install(login: Login): void {
    const context = login.#context;
    const object = login.#object;
    context.login = {object, query: () => login.#query(), close: () => login.#close()};
    context.changed?.();
  }

  *#query(): Steps<LoginState> {
    this.#assertOpen();
    if (this.#closing) throw this.#busy();
    const {lib, openPtr} = this.#context;
    const state = new Uint8Array(new ArrayBuffer(16));
    this.#asked++;
    let errno: number;
    try {
      errno = yield* this.#calls.query(lib, openPtr, this.#object, state);
    } finally {
      if (--this.#asked === 0) for (const resolve of this.#whenUnasked.splice(0)) resolve();
    }
    if (errno !== 0) throw yield* failed(this.#context, 'loginQuery', errno);
    switch (new DataView(state.buffer).getUint32(0, true)) {
      case C.MLX5DV_CRYPTO_LOGIN_STATE_VALID:
        return 'VALID';
      case C.MLX5DV_CRYPTO_LOGIN_STATE_NO_LOGIN:
        return 'NO_LOGIN';
      default:
        return 'INVALID';
    }
  }

  *#close(): Steps<void> {
    this.#assertOpen();
    if (this.#closing) throw this.#busy();
    this.#closing = true;
    try {
      if (this.#asked > 0 && !(yield* wait(new Promise<void>((resolve) => this.#whenUnasked.push(resolve))))) {
        throw this.#busy();
      }
      if (this.#context.creates > 0) {
        throw new DekError('BUSY', 'DEKs are being created under this login', {hint: 'try again after a moment'});
      }
      yield* this.#logOut();
    } finally {
      this.#closing = false;
    }
  }

  *#logOut(): Steps<void> {
    const context = this.#context;
    const entry = context.login;
    context.login = undefined;
    context.loggingIn = true; // none takes its place before it is known whether it goes
    context.changed?.(); // before its handle may mean another's object
    let error: DekError | undefined;
    try {
      const errno = yield* this.#calls.logout(context.lib, context.openPtr, this.#object);
      if (errno !== 0) error = yield* failed(context, 'logout', errno);
    } finally {
      context.loggingIn = false;
    }
    if (error === undefined || error.code === 'NO_LOGIN') this.#open = false;
    else {
      context.login = entry;
      context.changed?.();
    }
    if (error !== undefined) throw error;
  }

  #assertOpen(): void {
    if (!this.#open) throw new DekError('CLOSED', 'this login is closed');
  }

  #busy(): DekError<'BUSY'> {
    return new DekError('BUSY', 'another call of this login is under way', {hint: 'try again after a moment'});
  }

  static #check(value: unknown): Login {
    if (typeof value === 'object' && value !== null && #open in value) return value;
    throw wrongReceiver('Login');
  }
}

/** Logs in to `context` through the API called `apiName`. Copies the options before its first call. */
export function* createLogin(context: Context, apiName: LoginApiName, options: LoginOptions): Steps<Login> {
  assertObject(options, 'options');
  const {credential, credentialId, importKekId} = options;
  assertInteger(credentialId, 0, MAX_ID, 'credentialId');
  assertInteger(importKekId, 0, MAX_ID, 'importKekId');
  const own = secretBytes(WRAPPED_CREDENTIAL_BYTES);
  try {
    own.set(viewBytes(credential, [WRAPPED_CREDENTIAL_BYTES], 'credential'));
    const {lib, ptr, info} = context;
    if (context.login !== undefined || context.loggingIn) {
      throw new DekError('EXISTS', `${info.name} is logged in already`, {
        hint: 'close it first: a device context has one login',
      });
    }
    context.loggingIn = true;
    try {
      yield* assertFit(context, 'login');
      const calls = LOGIN_APIS[apiName];
      const before = performance.now();
      const {errno, object} = yield* calls.login(lib, ptr, own, credentialId, importKekId);
      if (errno !== 0) {
        const mailbox = (): Uint8Array => loginMailbox({credential: own, credentialId, importKekId});
        const told = yield* askAgain(context, errno, mailbox);
        throw yield* failed(context, 'login', errno, {told, unfit: () => whyUnfit(context, 'login')});
      }
      context.queue.answered(performance.now() - before);
      const login = new Login(context, calls, object, credentialId, importKekId);
      Login.install(login);
      return login;
    } finally {
      context.loggingIn = false;
    }
  } finally {
    wipe(own);
  }
}

interface Known extends Pick<Questions, 'unfit'> {
  told?: Told | undefined;
}

/** The error for a call that came back with `errno`. */
function failed(context: Context, call: Call, errno: number, {told, unfit}: Known = {}): Steps<DekError> {
  const questions = {answers: () => context.answers(), unfit};
  return explain(call, errno, {device: context.info.name, told}, questions);
}
