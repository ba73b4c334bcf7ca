/** A token, a session of it, and the keys in it, as the child process sees them. */
import {orList, secretCopy, toHex, viewOf, wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import {KCV_MESSAGE} from '../wrap/kcv.js';
import {CKA, CKF, CKK, CKM, CKO_SECRET_KEY, CKR_USER_ALREADY_LOGGED_IN, CKU_USER, cryptokiError} from './cryptoki.js';
import {
  type AttributeValue,
  type FunctionName,
  type Handle,
  loadModule,
  type Module,
  mechanismOf,
  templateOf,
  ulong,
  valueIn,
} from './ffi.js';
import type {KeyQuery, TokenQuery} from './uri.js';

/** What a token says of itself. */
export interface TokenInfo {
  readonly label: string;
  readonly serial: string;
  readonly needsLogin: boolean;
}

/** A key as it was found: what it is, and what its policy allows. */
export interface KeyInfo {
  readonly label: string;
  /** 16 or 32. */
  readonly bytes: number;
  /** Its key check value in hex, if its policy lets it be told. */
  readonly kcv: string | null;
  readonly mayWrap: boolean;
  readonly mayUnwrap: boolean;
  /** AES-ECB under it, of the token and of the key's policy. */
  readonly mayEncrypt: boolean;
  readonly mayDecrypt: boolean;
}

/** CK_TOKEN_INFO: 208 bytes on 64-bit Linux. */
const TOKEN_INFO_BYTES = 208;
const FLAGS_AT = 96;
/** More slots and mechanisms than any module has. */
const MAX_ITEMS = 4096;

interface Slot {
  readonly id: Handle;
  readonly flags: bigint;
  readonly label: string;
  readonly manufacturer: string;
  readonly model: string;
  readonly serial: string;
}

export class Session {
  readonly module: Module;
  readonly handle: Handle;
  readonly token: TokenInfo;
  readonly #slot: Slot;
  readonly #mechanisms: ReadonlySet<number>;

  /** Loads the module and opens a session of the one token that `query` fits. */
  constructor(path: string, query: TokenQuery) {
    this.module = loadModule(path);
    this.module.call('C_Initialize', null);
    this.#slot = this.#find(query);
    const {id, flags, label, serial} = this.#slot;
    this.token = {label, serial, needsLogin: (flags & CKF.LOGIN_REQUIRED) !== 0n};
    const session = ulong();
    this.module.call('C_OpenSession', id, CKF.SERIAL_SESSION, null, null, session);
    this.handle = session[0]!;
    this.#mechanisms = new Set(this.#list('C_GetMechanismList', id).map(Number));
  }

  /** Logs in, with one try. Without it when the PIN is locked already: a try would tell nothing. */
  login(pin: Uint8Array): void {
    if ((this.#slot.flags & CKF.USER_PIN_LOCKED) !== 0n) throw cryptokiError('C_Login', 0xa4);
    const rv = this.module.tryCall('C_Login', this.handle, CKU_USER, pin, pin.length);
    if (rv !== 0 && rv !== CKR_USER_ALREADY_LOGGED_IN) throw cryptokiError('C_Login', rv);
  }

  /** The one AES key that `query` fits. */
  findKey({object, id}: KeyQuery): {handle: Handle; info: KeyInfo} {
    const wanted: [number, AttributeValue][] = [
      [CKA.CLASS, CKO_SECRET_KEY],
      [CKA.KEY_TYPE, CKK.AES],
    ];
    if (object !== undefined) wanted.push([CKA.LABEL, secretCopy(Buffer.from(object))]);
    if (id !== undefined) wanted.push([CKA.ID, secretCopy(Buffer.from(id, 'hex'))]);
    const template = templateOf(wanted);
    this.module.call('C_FindObjectsInit', this.handle, template.bytes, template.count);
    const found = new BigUint64Array(new ArrayBuffer(16));
    const count = ulong();
    this.module.call('C_FindObjects', this.handle, found, 2, count);
    this.module.call('C_FindObjectsFinal', this.handle);
    const what = `AES key ${[object && `"${object}"`, id && `with id ${id}`].filter(Boolean).join(' ')}`;
    if (count[0] === 0n) {
      throw new DekError('NO_INPUT', `the token "${this.token.label}" has no ${what}`, {
        hint: 'is a PIN needed to see it (pin-source=)? pkcs11-tool --module PATH --login --list-objects lists them',
      });
    }
    if (count[0] !== 1n) {
      throw new DekError('BAD_ARGUMENT', `the token "${this.token.label}" has more than one ${what}`, {
        hint: 'name it by its id as well: id=%01',
      });
    }
    return {handle: found[0]!, info: this.#infoOf(found[0]!, object ?? `id ${id}`)};
  }

  /** Whether the token has this mechanism. */
  has(mechanism: number): boolean {
    return this.#mechanisms.has(mechanism);
  }

  /** AES-CMAC of `message`. Throws PERMISSION when the key's policy does not allow it. */
  cmac(key: Handle, message: Uint8Array): Uint8Array {
    const tag = new Uint8Array(new ArrayBuffer(16));
    const length = ulong(tag.length);
    this.module.call('C_SignInit', this.handle, mechanismOf(CKM.AES_CMAC), key);
    this.module.call('C_Sign', this.handle, secretCopy(message), message.length, tag, length);
    if (length[0] !== 16n) throw new DekError('IO', 'the module made a CMAC of a wrong length');
    return tag;
  }

  /** The value of an attribute of one object; undefined when it has none, or does not give it. */
  attribute(object: Handle, type: number, maxBytes: number): Uint8Array | undefined {
    const template = templateOf([[type, new Uint8Array(maxBytes)]]);
    if (this.module.tryCall('C_GetAttributeValue', this.handle, object, template.bytes, 1) !== 0) return undefined;
    return valueIn(template);
  }

  #infoOf(key: Handle, label: string): KeyInfo {
    const may = (type: number): boolean => this.attribute(key, type, 1)?.[0] === 1;
    const length = this.attribute(key, CKA.VALUE_LEN, 8);
    const bytes = length?.length === 8 ? Number(viewOf(length).getBigUint64(0, true)) : 0;
    if (bytes !== 16 && bytes !== 32) {
      throw new DekError('BAD_INPUT', `the key "${label}" has ${bytes} bytes, expected 16 or 32`);
    }
    const hasEcb = this.has(CKM.AES_ECB);
    const mayEncrypt = hasEcb && may(CKA.ENCRYPT);
    return {
      label,
      bytes,
      kcv: may(CKA.SIGN) && this.has(CKM.AES_CMAC) ? this.#kcv(key) : null,
      mayWrap: may(CKA.WRAP),
      mayUnwrap: may(CKA.UNWRAP),
      mayEncrypt,
      mayDecrypt: hasEcb && may(CKA.DECRYPT),
    };
  }

  #kcv(key: Handle): string | null {
    try {
      const tag = this.cmac(key, KCV_MESSAGE);
      const kcv = toHex(tag.subarray(0, 5));
      wipe(tag);
      return kcv;
    } catch {
      return null; // a policy that only the try tells: CKA_ALLOWED_MECHANISMS
    }
  }

  #find(query: TokenQuery): Slot {
    const slots = this.#list('C_GetSlotList', 1).map((id) => this.#slotOf(id));
    const {slotId, ...fields} = query;
    const fits = (slot: Slot): boolean =>
      (slotId === undefined || slot.id === BigInt(slotId)) &&
      (fields.token === undefined || slot.label === fields.token) &&
      (['manufacturer', 'serial', 'model'] as const).every(
        (name) => fields[name] === undefined || slot[name] === fields[name],
      );
    const fitting = slots.filter(fits);
    if (fitting.length === 1) return fitting[0]!;
    const labels = slots.map(({label}) => `"${label}"`);
    if (fitting.length > 1) {
      throw new DekError(
        'BAD_ARGUMENT',
        `more than one token fits: ${fitting.map(({label}) => `"${label}"`).join(', ')}`,
        {
          hint: `name one, if need be by its number: ${fitting.map(({serial}) => `serial=${serial}`).join(', ')}`,
        },
      );
    }
    throw new DekError('NO_INPUT', 'there is no such token', {
      hint: labels.length === 0 ? 'the module has no token at all' : `the module has ${orList(labels)}`,
    });
  }

  #slotOf(id: Handle): Slot {
    const info = new Uint8Array(new ArrayBuffer(TOKEN_INFO_BYTES));
    const rv = this.module.tryCall('C_GetTokenInfo', id, info);
    if (rv !== 0) return {id, flags: 0n, label: '', manufacturer: '', model: '', serial: ''};
    const text = (from: number, bytes: number): string =>
      Buffer.from(info.subarray(from, from + bytes))
        .toString()
        .trimEnd();
    return {
      id,
      label: text(0, 32),
      manufacturer: text(32, 32),
      model: text(64, 16),
      serial: text(80, 16),
      flags: viewOf(info).getBigUint64(FLAGS_AT, true),
    };
  }

  /** A list of CK_ULONG: `first` is the first argument. */
  #list(name: Extract<FunctionName, 'C_GetSlotList' | 'C_GetMechanismList'>, first: number | Handle): Handle[] {
    const list = new BigUint64Array(new ArrayBuffer(8 * MAX_ITEMS));
    const count = ulong(MAX_ITEMS);
    this.module.call(name, first, list, count);
    return [...list.subarray(0, Math.min(Number(count[0]), MAX_ITEMS))];
  }
}
