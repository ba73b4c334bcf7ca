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
import {callFailed} from './refusal/errno.js';
import type {About} from './refusal/errno-table.js';
import {assertFit, whyUnfit} from './refusal/fitness.js';
import {loginMailbox} from './refusal/mailbox.js';

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
   * Asks the NIC.
   * @returns whether the login holds
   * @throws DekError: CLOSED after `close`; DEVICE_GONE and what else the NIC says
   */
  query(): LoginState {
    const self = Login.#check(this);
    self.#assertOpen();
    const state = new Uint8Array(16);
    const errno = self.#calls.query(self.#context.lib, self.#context.ptr, self.#object, state);
    if (errno !== 0) throw callFailed('loginQuery', errno, about(self.#context));
    switch (new DataView(state.buffer).getUint32(0, true)) {
      case C.MLX5DV_CRYPTO_LOGIN_STATE_VALID:
        return 'VALID';
      case C.MLX5DV_CRYPTO_LOGIN_STATE_NO_LOGIN:
        return 'NO_LOGIN';
      default:
        return 'INVALID';
    }
  }

  /**
   * Logs out.
   * @throws DekError: CLOSED the second time; BUSY when the NIC wants to be asked again, or while DEKs are being
   *   created: the login lives on then
   */
  close(): void {
    const self = Login.#check(this);
    self.#assertOpen();
    if (self.#context.creates > 0) {
      throw new DekError('BUSY', 'DEKs are being created under this login', {hint: 'try again after a moment'});
    }
    const {lib, ptr} = self.#context;
    const entry = self.#context.login;
    self.#context.login = undefined;
    self.#context.changed?.(); // before its handle may mean another's object
    const errno = self.#calls.logout(lib, ptr, self.#object);
    const error = errno === 0 ? undefined : callFailed('logout', errno, about(self.#context));
    if (error === undefined || error.code === 'NO_LOGIN') self.#open = false;
    else {
      self.#context.login = entry;
      self.#context.changed?.();
    }
    if (error !== undefined) throw error;
  }

  /**
   * `close`, and nothing when closed already.
   * @throws DekError: BUSY, as `close`
   */
  [Symbol.dispose](): void {
    const self = Login.#check(this);
    if (!self.closed) self.close();
  }

  #assertOpen(): void {
    if (!this.#open) throw new DekError('CLOSED', 'this login is closed');
    this.#context.ptr;
  }

  static #check(value: unknown): Login {
    if (typeof value === 'object' && value !== null && #open in value) return value;
    throw wrongReceiver('Login');
  }
}

/** Logs in to `context` through the API called `apiName`. */
export function createLogin(context: Context, apiName: LoginApiName, options: LoginOptions): Login {
  assertObject(options, 'options');
  const {credential, credentialId, importKekId} = options;
  assertInteger(credentialId, 0, MAX_ID, 'credentialId');
  assertInteger(importKekId, 0, MAX_ID, 'importKekId');
  const own = secretBytes(WRAPPED_CREDENTIAL_BYTES);
  try {
    own.set(viewBytes(credential, [WRAPPED_CREDENTIAL_BYTES], 'credential'));
    const {lib, ptr, info} = context;
    if (context.login !== undefined) {
      throw new DekError('EXISTS', `${info.name} is logged in already`, {
        hint: 'close it first: a device context has one login',
      });
    }
    assertFit(context, 'login');
    const calls = LOGIN_APIS[apiName];
    const before = performance.now();
    const {errno, object} = calls.login(lib, ptr, own, credentialId, importKekId);
    if (errno !== 0) {
      const told = askAgain(context, errno, () => loginMailbox({credential: own, credentialId, importKekId}));
      throw callFailed('login', errno, {...about(context), told, unfit: () => whyUnfit(context, 'login')});
    }
    context.queue.answered(performance.now() - before);
    const login = new Login(context, calls, object, credentialId, importKekId);
    setLogin(context, login, object);
    return login;
  } finally {
    wipe(own);
  }
}

/** Makes it the login of its context; `object` as the constructor has it. */
export function setLogin(context: Context, login: Login, object: LoginPtr | null): void {
  context.login = {object, query: () => login.query(), close: () => login.close()};
  context.changed?.();
}

function about(context: Context): About {
  return {device: context.info.name, answers: () => context.answers()};
}
