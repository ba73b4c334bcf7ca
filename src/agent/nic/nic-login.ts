/** The crypto login of one NIC of the agent, and the last one that worked, to log in again by oneself. */

import {equalBytes} from '../../bytes.js';
import type {LoginOptions} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import type {Login} from '../../rdma/index.js';
import type {ObjectIds} from '../../rdma/shared/devx-object.js';
import type {Events} from '../events.js';
import type {LoginStatus} from '../protocol.js';
import type {NicDevice} from './nic-device.js';
import {retryBusy} from './retry.js';

/** What a NIC says to a logout when there is no login any more, which is what was wanted. */
const NO_MORE: ReadonlySet<string> = new Set(['NO_LOGIN', 'CLOSED', 'DEVICE_GONE']);

export class NicLogin {
  readonly #nic: NicDevice;
  readonly #events: Events;
  #current: {readonly login: Login; readonly request: LoginOptions} | undefined;
  #last: LoginOptions | undefined;

  constructor(nic: NicDevice, events: Events) {
    this.#nic = nic;
    this.#events = events;
  }

  /** The last login that worked, unless a logout followed: ciphertext. */
  get last(): LoginOptions | undefined {
    return this.#last;
  }

  /** Asks the NIC for the state of the login; null when there is none. */
  status(): LoginStatus | null {
    if (!this.#current) return null;
    const {login, request} = this.#current;
    const {credentialId, importKekId} = request;
    try {
      return {state: this.#nic.gone ? 'UNKNOWN' : this.#nic.watch(() => login.query()), credentialId, importKekId};
    } catch {
      return {state: 'UNKNOWN', credentialId, importKekId};
    }
  }

  /** Whether there is one, or one that the health check tries to make anew. */
  get isWanted(): boolean {
    return this.#current !== undefined || this.#last !== undefined;
  }

  /** Whether it is VALID, or the NIC needs none. */
  isValid(): boolean {
    return this.#nic.importMode === 'plaintext' || this.status()?.state === 'VALID';
  }

  /** Whether there is a VALID login by the same credential. */
  isBy({credential, credentialId, importKekId}: LoginOptions): boolean {
    const request = this.#current?.request;
    return (
      this.status()?.state === 'VALID' &&
      request?.credentialId === credentialId &&
      request.importKekId === importKekId &&
      equalBytes(request.credential, credential)
    );
  }

  /** Throws NO_LOGIN unless there is a login, or the NIC needs none. */
  assertThere(): void {
    if (this.#current || this.#nic.importMode === 'plaintext') return;
    throw new DekError('NO_LOGIN', `the agent is not logged in to ${this.#nic.name}`, {
      hint: 'dek login --credential FILE --credential-id ID --import-kek-id ID',
    });
  }

  /** Logs in, after a logout when there is a login. Throws what the NIC's refusal means. */
  async open(request: LoginOptions): Promise<void> {
    await this.#logOut();
    this.#nic.assertThere();
    const [login] = await this.#nic.sharing.whileLoggingIn(() =>
      retryBusy([request], async () => [this.#tryLogIn(request)]),
    );
    if (login instanceof DekError) throw login;
    this.#current = {login: login!, request};
    this.#last = request;
    const {credentialId, importKekId} = request;
    this.#events.emit('info', 'login', {device: this.#nic.name, credentialId, importKekId});
  }

  /** Takes up a login that another process made; false when it is not VALID. */
  takeUp(object: ObjectIds, request: LoginOptions): boolean {
    const login = this.#nic.sharing.adoptLogin(object, request);
    if (login === null) return false;
    this.#current = {login, request};
    this.#last = request;
    return this.isValid();
  }

  /** Logs in; false, and an event, when the NIC refuses. */
  async tryOpen(request: LoginOptions): Promise<boolean> {
    try {
      await this.open(request);
      return true;
    } catch (error) {
      this.#tell('login-failed', error);
      return false;
    }
  }

  /** Logs out where there is a login. The DEKs stay, but cannot be queried until the next one. */
  async close(): Promise<void> {
    if (!this.isWanted) return;
    await this.#logOut();
    this.#last = undefined;
    this.#events.emit('info', 'logout', {device: this.#nic.name});
  }

  /**
   * Back to the login that `last` was, or to none, after a change that failed. Where the NIC does not let it the health
   * check tries again.
   */
  async restore(before: LoginOptions | undefined): Promise<void> {
    if (!this.#nic.gone && this.#current?.request !== before) {
      if (before) await this.tryOpen(before);
      else await this.#logOut().catch((error: unknown) => this.#tell('logout-failed', error));
    }
    this.#last = before;
  }

  /** The context that it belonged to is no more. */
  forget(): void {
    this.#current = undefined;
  }

  async #logOut(): Promise<void> {
    if (this.#current && !this.#nic.gone) {
      const {login} = this.#current;
      const [error] = await retryBusy([login], async () => [this.#tryLogOut(login)]);
      if (error && !NO_MORE.has(error.code)) throw error;
    }
    this.#current = undefined;
  }

  #tryLogIn(request: LoginOptions): Login | DekError {
    try {
      return this.#nic.watch(() => this.#nic.device.login(request));
    } catch (error) {
      if (error instanceof DekError) return error;
      throw error;
    }
  }

  #tryLogOut(login: Login): DekError | undefined {
    try {
      this.#nic.watch(() => login.close());
    } catch (error) {
      if (error instanceof DekError) return error;
      throw error;
    }
    return undefined;
  }

  #tell(event: 'login-failed' | 'logout-failed', error: unknown): void {
    this.#events.emit('warn', event, {device: this.#nic.name, error: (error as Error).message});
  }
}
