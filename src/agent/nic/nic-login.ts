/** The crypto login of one NIC of the agent, and the last one that worked, to log in again by oneself. */

import {setTimeout as pause} from 'node:timers/promises';
import {equalBytes} from '../../bytes.js';
import type {LoginOptions} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import type {Login} from '../../rdma/index.js';
import type {ObjectIds} from '../../rdma/shared/devx-object.js';
import type {Events} from '../events.js';
import type {LoginStatus} from '../protocol.js';
import type {NicDevice} from './nic-device.js';
import {retryBusy} from './retry.js';

/** How long who asks waits for a NIC: longer than one that is only slow takes. */
const ANSWER_MS = 5000;

/** What a NIC says to a logout when there is no login any more, which is what was wanted. */
const NO_MORE: ReadonlySet<string> = new Set(['NO_LOGIN', 'CLOSED', 'DEVICE_GONE']);

export class NicLogin {
  readonly #nic: NicDevice;
  readonly #events: Events;
  #current: {readonly login: Login; readonly request: LoginOptions} | undefined;
  #last: LoginOptions | undefined;
  /** The end of the change that is under way; never rejects. */
  #changing: Promise<void> | undefined;
  /** The question that is under way. */
  #asking: {readonly login: Login; readonly answer: Promise<LoginStatus['state']>} | undefined;

  constructor(nic: NicDevice, events: Events) {
    this.#nic = nic;
    this.#events = events;
  }

  /** The last login that worked, unless a logout followed: ciphertext. */
  get last(): LoginOptions | undefined {
    return this.#last;
  }

  /**
   * What the NIC says of the login within some seconds, else that it is UNKNOWN; null when there is none. While it
   * changes: what is said after.
   */
  async status(): Promise<LoginStatus | null> {
    const answered = new AbortController();
    const late = async (): Promise<LoginStatus | null> => {
      await pause(ANSWER_MS, undefined, {signal: answered.signal}).catch(() => {});
      const request = this.#current?.request ?? this.#last;
      return request ? statusOf(request, 'UNKNOWN') : null;
    };
    return Promise.race([this.#ask(), late()]).finally(() => answered.abort());
  }

  /** Whether there is one, or one that the health check tries to make anew. */
  get isWanted(): boolean {
    return this.#current !== undefined || this.#last !== undefined;
  }

  /** Whether it is VALID, or the NIC needs none: however long the NIC takes to say so. */
  async isValid(): Promise<boolean> {
    return this.#nic.importMode === 'plaintext' || this.isHeld();
  }

  /** Whether there is one that is VALID. */
  async isHeld(): Promise<boolean> {
    return (await this.#ask())?.state === 'VALID';
  }

  /** Whether there is a VALID login by the same credential. */
  async isBy({credential, credentialId, importKekId}: LoginOptions): Promise<boolean> {
    const isHeld = await this.isHeld();
    const request = this.#current?.request;
    return (
      isHeld &&
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
  open(request: LoginOptions): Promise<void> {
    return this.#change(async () => {
      await this.#logOut();
      this.#nic.assertThere();
      const [login] = await this.#nic.sharing.whileLoggingIn(() =>
        retryBusy([request], async () => [await this.#tryLogIn(request)]),
      );
      if (login instanceof DekError) throw login;
      this.#current = {login: login!, request};
      this.#last = request;
      const {credentialId, importKekId} = request;
      this.#events.emit('info', 'login', {device: this.#nic.name, credentialId, importKekId});
    });
  }

  /** Takes up a login that another process made; false when it is not VALID. */
  async takeUp(object: ObjectIds, request: LoginOptions): Promise<boolean> {
    const login = await this.#nic.sharing.adoptLogin(object, request);
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
    await this.#change(() => this.#logOut());
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
      else await this.#change(() => this.#logOut()).catch((error: unknown) => this.#tell('logout-failed', error));
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
      const [error] = await retryBusy([login], async () => [await this.#tryLogOut(login)]);
      if (error && !NO_MORE.has(error.code)) throw error;
    }
    this.#current = undefined;
  }

  async #tryLogIn(request: LoginOptions): Promise<Login | DekError> {
    return this.#nic.watch((device) => device.loginAsync(request)).catch(asResult);
  }

  async #tryLogOut(login: Login): Promise<DekError | undefined> {
    return this.#nic.watch(() => login.closeAsync()).then(() => undefined, asResult);
  }

  async #ask(): Promise<LoginStatus | null> {
    while (this.#changing) await this.#changing;
    if (!this.#current) return null;
    const {login, request} = this.#current;
    return statusOf(request, this.#nic.gone ? 'UNKNOWN' : await this.#stateOf(login));
  }

  /** Who asks while a question is under way gets its answer: a NIC that does not answer keeps one thread, not many. */
  #stateOf(login: Login): Promise<LoginStatus['state']> {
    if (this.#asking?.login !== login) {
      const answer = this.#nic
        .watch(() => login.queryAsync())
        .catch((): LoginStatus['state'] => 'UNKNOWN')
        .finally(() => {
          if (this.#asking === asking) this.#asking = undefined;
        });
      const asking = {login, answer};
      this.#asking = asking;
    }
    return this.#asking.answer;
  }

  /** Runs a change, for whose end those wait who ask meanwhile. */
  async #change<T>(change: () => Promise<T>): Promise<T> {
    const changing = change();
    const end = changing.then(
      () => {},
      () => {},
    );
    this.#changing = end;
    try {
      return await changing;
    } finally {
      if (this.#changing === end) this.#changing = undefined;
    }
  }

  #tell(event: 'login-failed' | 'logout-failed', error: unknown): void {
    this.#events.emit('warn', event, {device: this.#nic.name, error: (error as Error).message});
  }
}

function statusOf({credentialId, importKekId}: LoginOptions, state: LoginStatus['state']): LoginStatus {
  return {state, credentialId, importKekId};
}

function asResult(error: unknown): DekError {
  if (error instanceof DekError) return error;
  throw error;
}
