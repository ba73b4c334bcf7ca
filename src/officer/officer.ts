/**
 * The crypto officer of one function of a NIC: what state it is in, the step to operational, KEKs and credentials by
 * their ids. Why the NIC refused is found out by asking it, since the statuses of real firmware are not public.
 */
import {wipe} from '../bytes.js';
import type {LoginOptions} from '../dek-layout.js';
import {DekError} from '../errors.js';
import type {DeviceInfo} from '../rdma/index.js';
import {describeStatus, STATUSES} from '../rdma/refusal/status.js';
import {type OfficerCaps, readOfficerCaps} from './caps.js';
import {
  type Addition,
  additionRegister,
  CRYPTO_OPERATIONAL,
  deletionRegister,
  HANDLES,
  type KeyKind,
  type KeyReport,
  operationalRegister,
  queryRegister,
  type Register,
  readId,
  readKey,
  readOperational,
} from './registers/registers.js';
import {openWay} from './ways/find.js';
import {type Answer, accessRegister, type Way} from './ways/way.js';

/** What messages call them. */
export const KIND_NAMES: Readonly<Record<KeyKind, string>> = {kek: 'import KEK', credential: 'credential'};

export class Officer {
  readonly info: DeviceInfo;
  readonly #way: Way;

  constructor(info: DeviceInfo, way: Way) {
    this.info = info;
    this.#way = way;
  }

  /** Opens the first way that goes. The caller closes it. Throws why none does. */
  static async open(info: DeviceInfo): Promise<Officer> {
    return new Officer(info, await openWay(info));
  }

  close(): void {
    this.#way.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  state(): {operational: boolean; goingToCommissioning: boolean} {
    return readOperational(this.#done('read the state', this.#access(CRYPTO_OPERATIONAL, new Uint8Array(), false)));
  }

  caps(): OfficerCaps {
    return readOfficerCaps(this.#way);
  }

  /** From commissioning to operational, once and for all: both secrets under id 0. Throws REFUSED. */
  makeOperational(kek: Uint8Array, credential: Uint8Array): void {
    const register = operationalRegister(kek, credential);
    try {
      wipe(this.#done('make it operational', this.#access(CRYPTO_OPERATIONAL, register, true)));
    } finally {
      wipe(register);
    }
    if (!this.state().operational) throw this.#refused('the NIC took the command and is not operational');
  }

  /** Adds one; its id, which the NIC chooses. Throws LIMIT, PERMISSION when the login is no officer's, REFUSED. */
  async add(kind: KeyKind, login: LoginOptions, addition: Addition): Promise<number> {
    const register = additionRegister(kind, login, addition);
    let answer: Answer;
    try {
      answer = this.#access(HANDLES[kind], register, true);
    } finally {
      wipe(register);
    }
    if (answer.status !== 0) throw await this.#whyNot(kind, login, answer);
    const id = readId(answer.data);
    wipe(answer.data);
    return id;
  }

  /** Deletes one: logins that use it turn INVALID. Throws NO_INPUT for an unknown id, PERMISSION, REFUSED. */
  async delete(kind: KeyKind, login: LoginOptions, id: number): Promise<void> {
    if ((kind === 'kek' ? login.importKekId : login.credentialId) === id) {
      throw new DekError('BUSY', `${nameOf(kind, id)} is what this officer logs in with`, {
        hint: `add another one, and log in with that to delete this one`,
      });
    }
    await this.find(kind, login, id);
    const register = deletionRegister(login, id);
    try {
      this.#done(`delete ${nameOf(kind, id)}`, this.#access(HANDLES[kind], register, true));
    } finally {
      wipe(register);
    }
  }

  /** What the NIC says of one. Throws NO_INPUT for an unknown id, PERMISSION when the login is no officer's. */
  async find(kind: KeyKind, login: LoginOptions, id: number): Promise<KeyReport> {
    const found = this.#query(kind, login, id);
    if (!('status' in found)) return found;
    await this.#assertOfficer(login);
    throw new DekError('NO_INPUT', `there is no ${nameOf(kind, id)} on ${this.info.name}`, {
      hint: `dek officer ${kind} list shows those that are there`,
    });
  }

  /** Those with the ids that a NIC may have chosen, and those of the login. Throws PERMISSION, REFUSED. */
  async list(kind: KeyKind, login: LoginOptions): Promise<KeyReport[]> {
    await this.#assertOfficer(login);
    const own = kind === 'kek' ? login.importKekId : login.credentialId;
    const ids = new Set([...Array.from({length: this.caps().room[kind]}, (_, id) => id), own]);
    return [...ids]
      .map((id) => this.#query(kind, login, id))
      .filter((found): found is KeyReport => !('status' in found))
      .sort((a, b) => a.id - b.id);
  }

  /** Whether the NIC takes it for an officer's login: asked with the KEK that it names. */
  isOfficer(login: LoginOptions): boolean {
    return !('status' in this.#query('kek', login, login.importKekId));
  }

  #query(kind: KeyKind, login: LoginOptions, id: number): KeyReport | Pick<Answer, 'status' | 'syndrome'> {
    const register = queryRegister(login, id);
    try {
      const answer = this.#access(HANDLES[kind], register, false);
      if (answer.status === STATUSES.RES_BUSY || answer.status === STATUSES.NO_RES) this.#done('ask', answer);
      return answer.status === 0 ? readKey(kind, id, answer.data) : answer;
    } finally {
      wipe(register);
    }
  }

  /** Throws why an addition was refused. */
  async #whyNot(kind: KeyKind, login: LoginOptions, {status, syndrome}: Answer): Promise<DekError> {
    if (status === STATUSES.RES_BUSY || status === STATUSES.NO_RES) return this.#busy(status, syndrome);
    await this.#assertOfficer(login);
    const {length} = await this.list(kind, login);
    const room = this.caps().room[kind];
    if (length >= room) {
      return new DekError('LIMIT', `${this.info.name} has no room for another ${KIND_NAMES[kind]}: it has ${length}`, {
        hint: `dek officer ${kind} delete makes room`,
      });
    }
    const reason = `${this.info.name} refused the ${KIND_NAMES[kind]} (${describeStatus(status, syndrome)})`;
    return new DekError('REFUSED', reason, {hint: 'it has to be wrapped by the import KEK that the login names'});
  }

  /** Throws NOT_READY in commissioning; PERMISSION when the login is a user's; REFUSED when it is none. */
  async #assertOfficer(login: LoginOptions): Promise<void> {
    const answer = this.#query('kek', login, login.importKekId);
    if (!('status' in answer)) return;
    const {name} = this.info;
    if (!this.state().operational) {
      throw new DekError('NOT_READY', `${name} is in commissioning, and has no KEKs and credentials`, {
        hint: 'dek officer operational loads the first ones',
      });
    }
    const said = describeStatus(answer.status, answer.syndrome);
    const {canLogIn} = await import('./login.js');
    if (await canLogIn(this.info, login)) {
      throw new DekError('PERMISSION', `${nameOf('credential', login.credentialId)} is no officer's (${said})`, {
        hint: 'log in with a credential whose role is officer',
      });
    }
    throw new DekError('REFUSED', `${name} refused the officer's login (${said})`, {
      hint:
        'an id is wrong (what CRYPTO_OPERATIONAL loaded has id 0), the credential was wrapped by another import KEK, ' +
        'or one of the two was deleted',
    });
  }

  #access(register: Register, data: Uint8Array, write: boolean): Answer {
    return accessRegister(this.#way, register, data, write);
  }

  /** The register in the answer. Throws when it was refused. */
  #done(tried: string, {status, syndrome, data}: Answer): Uint8Array {
    if (status === 0) return data;
    if (status === STATUSES.RES_BUSY || status === STATUSES.NO_RES) throw this.#busy(status, syndrome);
    throw this.#refused(`the NIC refused to ${tried} (${describeStatus(status, syndrome)})`);
  }

  #busy(status: number, syndrome: number): DekError {
    return new DekError('BUSY', `${this.info.name} is busy (${describeStatus(status, syndrome)})`, {
      hint: 'try again after a moment',
    });
  }

  #refused(text: string): DekError {
    return new DekError('REFUSED', `${this.info.name}: ${text}`, {
      hint: 'dek officer status tells its state; the kernel log may say more of the syndrome',
    });
  }
}

/** `import KEK 0x21` */
export function nameOf(kind: KeyKind, id: number): string {
  return `${KIND_NAMES[kind]} 0x${id.toString(16)}`;
}
