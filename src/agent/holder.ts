/**
 * What the agent holds: one NIC, one login, and DEKs by name. Every method leaves the holder consistent when the NIC
 * says no. The library's calls are synchronous, so what stands between two awaits runs whole.
 */
import {setImmediate as nextTurn} from 'node:timers/promises';
import {toHex} from '../bytes.js';
import {DekError} from '../errors.js';
import {type Dek, type Device, type Login, openDevice} from '../rdma/index.js';
import {layoutOfPlaintext, layoutOfWrapped} from '../wrap/layout.js';
import type {Log} from './log.js';
import type {AgentStatus, DekStatus, DestroyRequest, ImportMode, LoginRequest, LoginStatus} from './protocol.js';

/** DEKs that `list` asks the NIC for before it lets other requests in. */
const QUERIES_A_TURN = 64;

/** A DEK to create. */
export interface NewDek {
  readonly name: string;
  readonly import: ImportMode;
  /** As `import` says; the caller wipes it. */
  readonly key: Uint8Array;
  /** Up to 8 bytes. */
  readonly opaque: Uint8Array;
}

interface HeldDek {
  readonly dek: Dek;
  readonly import: ImportMode;
  readonly opaque: string;
}

interface HeldLogin {
  readonly login: Login;
  readonly credentialId: number;
  readonly importKekId: number;
}

export class Holder {
  readonly #log: Log;
  #device: Device;
  #login: HeldLogin | undefined;
  readonly #deks = new Map<string, HeldDek>();
  /** The NIC answered EIO: nothing but a new context can work again. */
  #gone = false;
  #reopening: Promise<void> | undefined;

  private constructor(device: Device, log: Log) {
    this.#device = device;
    this.#log = log;
  }

  /** Opens the NIC. Throws what `openDevice` throws. */
  static async open(deviceName: string | undefined, log: Log): Promise<Holder> {
    return new Holder(await openDevice(deviceName), log);
  }

  get deviceName(): string {
    return this.#device.name;
  }

  status(): Omit<AgentStatus, 'version' | 'pid'> {
    const {name, caps} = this.#device;
    return {
      device: {name, importMode: caps.importMode, gone: this.#gone},
      login: this.#login ? this.#loginStatus(this.#login) : null,
      deks: this.#deks.size,
      maxDeks: caps.maxDeks,
    };
  }

  /** Logs in. Throws EXISTS while a valid login is there; one that turned INVALID is replaced. */
  async login({credential, credentialId, importKekId}: LoginRequest): Promise<LoginStatus> {
    await this.#reopenIfGone();
    if (this.#login && this.#loginStatus(this.#login).state === 'VALID') {
      throw new DekError('EXISTS', `the agent is logged in to ${this.deviceName} already`, {hint: 'dek logout first'});
    }
    this.#closeLogin();
    const login = this.#call(() => this.#device.login({credential, credentialId, importKekId}));
    this.#login = {login, credentialId, importKekId};
    this.#log('info', 'login', {device: this.deviceName, credentialId, importKekId});
    return this.#loginStatus(this.#login);
  }

  /** Logs out. The DEKs stay, but cannot be queried until the next login. Throws NO_LOGIN. */
  logout(): void {
    if (!this.#login) throw this.#notLoggedIn();
    this.#closeLogin();
    this.#log('info', 'logout', {device: this.deviceName});
  }

  /** Creates a DEK and asks the NIC whether it is READY; one that is not is destroyed again. */
  async create(request: NewDek): Promise<DekStatus> {
    const {name, key, opaque} = request;
    const wrapped = request.import === 'wrapped';
    const {keySize, keytag} = wrapped ? layoutOfWrapped(key.length) : layoutOfPlaintext(key.length);
    await this.#reopenIfGone();
    if (this.#deks.has(name))
      throw new DekError('EXISTS', `there is a DEK named ${name}`, {hint: `dek destroy ${name}`});
    if (wrapped && !this.#login && this.#device.caps.importMode !== 'plaintext') throw this.#notLoggedIn();

    const material = wrapped ? {wrapped: key} : {plaintext: key};
    const dek = this.#call(() => this.#device.createDek({...material, keySize, keytag, opaque}));
    const padded = new Uint8Array(8);
    padded.set(opaque);
    const held: HeldDek = {dek, import: request.import, opaque: toHex(padded)};
    this.#deks.set(name, held);
    try {
      const {state} = this.#call(() => dek.query());
      if (state !== 'READY')
        throw new DekError('NOT_READY', `${name} was created, but the NIC says ${state}; it was destroyed`);
      this.#log('info', 'create', {name, keySize, keytag, import: request.import});
      return describe(name, held, state);
    } catch (error) {
      this.#tryDestroy(name, held);
      throw error;
    }
  }

  /** Asks the NIC for one DEK. Throws NO_DEK, or what the NIC's refusal means. */
  query(name: string): DekStatus {
    const held = this.#held(name);
    return describe(name, held, this.#call(() => held.dek.query()).state);
  }

  /** Asks the NIC for every DEK; one that it does not tell about is UNKNOWN. */
  async list(): Promise<DekStatus[]> {
    const statuses: DekStatus[] = [];
    for (const name of [...this.#deks.keys()]) {
      if (statuses.length % QUERIES_A_TURN === QUERIES_A_TURN - 1) await nextTurn();
      const held = this.#deks.get(name);
      if (held) statuses.push(describe(name, held, this.#stateOf(held)));
    }
    return statuses;
  }

  /** Destroys DEKs and returns their names. All names are looked up first: NO_DEK leaves all of them alive. */
  destroy(request: DestroyRequest): string[] {
    const names = [...new Set('names' in request ? request.names : this.#deks.keys())];
    const found = names.map((name) => [name, this.#held(name)] as const);
    for (const [name, held] of found) this.#destroy(name, held);
    return names;
  }

  /** Destroys the DEKs, logs out and closes the NIC; goes on where the NIC says no, since the close frees all. */
  close(): void {
    for (const [name, held] of this.#deks) this.#tryDestroy(name, held);
    this.#deks.clear();
    this.#login = undefined;
    try {
      this.#device.close();
    } catch (error) {
      // The NIC would not let go yet. The end of the process frees all.
      this.#log('warn', 'close-failed', {device: this.deviceName, error: (error as Error).message});
    }
  }

  #tryDestroy(name: string, held: HeldDek): void {
    try {
      this.#destroy(name, held);
    } catch (error) {
      this.#log('warn', 'destroy-failed', {name, error: (error as Error).message});
    }
  }

  #destroy(name: string, held: HeldDek): void {
    this.#call(() => held.dek.destroy());
    this.#deks.delete(name);
    this.#log('info', 'destroy', {name});
  }

  #closeLogin(): void {
    const held = this.#login;
    if (!held) return;
    this.#call(() => held.login.close());
    this.#login = undefined;
  }

  #held(name: string): HeldDek {
    const held = this.#deks.get(name);
    if (!held) throw new DekError('NO_DEK', `there is no DEK named ${name}`, {hint: 'dek list shows those that are'});
    return held;
  }

  #stateOf(held: HeldDek): DekStatus['state'] {
    if (this.#gone) return 'UNKNOWN';
    try {
      return this.#call(() => held.dek.query()).state;
    } catch {
      return 'UNKNOWN';
    }
  }

  #loginStatus({login, credentialId, importKekId}: HeldLogin): LoginStatus {
    try {
      return {state: this.#call(() => login.query()), credentialId, importKekId};
    } catch {
      return {state: 'UNKNOWN', credentialId, importKekId};
    }
  }

  #notLoggedIn(): DekError<'NO_LOGIN'> {
    return new DekError('NO_LOGIN', `the agent is not logged in to ${this.deviceName}`, {
      hint: 'dek login --credential FILE --credential-id ID --import-kek-id ID',
    });
  }

  /** Every call to the NIC goes through here, so that its loss is noticed wherever it shows. */
  #call<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      if (error instanceof DekError && error.code === 'DEVICE_GONE' && !this.#gone) {
        this.#gone = true;
        this.#log('error', 'device-gone', {device: this.deviceName});
      }
      throw error;
    }
  }

  /** A NIC that went away took its DEKs and its login along: forgets them and opens it anew. */
  async #reopenIfGone(): Promise<void> {
    if (!this.#gone) return;
    this.#reopening ??= this.#reopen().finally(() => {
      this.#reopening = undefined;
    });
    await this.#reopening;
  }

  async #reopen(): Promise<void> {
    const device = await openDevice(this.deviceName);
    this.#device.close();
    this.#device = device;
    this.#log('warn', 'device-back', {device: device.name, lostDeks: this.#deks.size});
    this.#deks.clear();
    this.#login = undefined;
    this.#gone = false;
  }
}

function describe(name: string, {dek, opaque, ...held}: HeldDek, state: DekStatus['state']): DekStatus {
  return {name, state, keySize: dek.keySize, keytag: dek.keytag, import: held.import, opaque};
}
