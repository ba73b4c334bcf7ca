/**
 * What DEKs are to be made of, checked and copied as soon as it is handed in, as one list or column for C to take from:
 * what the caller has may change, or be wiped. Keys lie outside V8's heap, and are wiped by create.ts; labels are no
 * secret.
 */
import {secretBytes, viewBytes, wipe} from '../../bytes.js';
import {KEYTAG_BYTES, type KeySize, OPAQUE_BYTES, OPAQUE_LENGTHS, wrappedBytes} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {C, MLX5DV_DEK_INIT_ATTR as INIT_ATTR} from '../c-layout.js';
import {assertObject} from '../checks.js';
import type {InitAttr} from '../structs.js';
import {Kind} from './dek.js';

/** What a DEK is made of. */
export interface CreateDekOptions {
  /** The key as wrapped by the login's import KEK: 40, 48, 72 or 80 bytes. Either this or `plaintext`. */
  wrapped?: Uint8Array | undefined;
  /** key1, key2 and, if there is one, the keytag: 32, 40, 64 or 72 bytes. Only for NICs of plaintext import mode. */
  plaintext?: Uint8Array | undefined;
  /** Bits of key1, as of key2. */
  keySize: KeySize;
  /** Whether the key ends with a keytag of 8 bytes. */
  keytag: boolean;
  /** A label of up to 8 bytes, padded with zeros; not secret, returned by `query`. */
  opaque?: Uint8Array | undefined;
  /** Send a plaintext key also when key1 equals key2: whether the NIC takes it is the NIC's policy. */
  allowEqualKeys?: boolean | undefined;
}

/** Many DEKs of one layout, one after the other: what a caller hands over instead of an object for each. */
export interface DekColumn {
  /** Their keys as wrapped by the login's import KEK: 40, 48, 72 or 80 bytes each. Either this or `plaintext`. */
  wrapped?: Uint8Array | undefined;
  /**
   * key1, key2 and, if there is one, the keytag: 32, 40, 64 or 72 bytes each. Only for NICs of plaintext import mode.
   */
  plaintext?: Uint8Array | undefined;
  /** Bits of key1, as of key2. */
  keySize: KeySize;
  /** Whether the keys end with a keytag of 8 bytes. */
  keytag: boolean;
  /** Their labels, 8 bytes each. */
  opaque: Uint8Array;
  /** As in CreateDekOptions, of all of them. */
  allowEqualKeys?: boolean | undefined;
}

/** The longest of all layouts: 256 bits, with a keytag, wrapped. */
const MAX_KEY_BYTES = 80;
/** DEKs in one column: more than any NIC holds. */
const MAX_COLUMN = 2 ** 20;

/** Bytes of a key with its keytag: mlx5dv_dek_create(3), table "DEK key field construction". */
function keyBytes(kind: number): number {
  const half = (kind & Kind.KEY_SIZE_256) !== 0 ? 32 : 16;
  const plaintext = 2 * half + ((kind & Kind.KEYTAG) !== 0 ? KEYTAG_BYTES : 0);
  return isWrapped(kind) ? wrappedBytes(plaintext) : plaintext;
}

export function isWrapped(kind: number): boolean {
  return (kind & Kind.WRAPPED) !== 0;
}

/** Copies of keys and labels. */
export class Keys {
  readonly count: number;
  /** What each is, in one number. */
  readonly kinds: Uint8Array;
  readonly #bytes: Uint8Array;
  /** Words of 32 bits from one key to the next. */
  readonly #stride: number;
  readonly #words: Int32Array;
  readonly #opaque: Uint8Array;
  readonly #opaqueWords: Int32Array;

  private constructor(count: number, strideBytes: number) {
    this.count = count;
    this.kinds = new Uint8Array(count);
    this.#bytes = secretBytes(count * strideBytes);
    this.#stride = strideBytes / 4;
    this.#words = new Int32Array(this.#bytes.buffer);
    this.#opaque = secretBytes(count * OPAQUE_BYTES);
    this.#opaqueWords = new Int32Array(this.#opaque.buffer);
  }

  /** Room for `count` DEKs of any layout, each to be taken. */
  static ofAny(count: number): Keys {
    return new Keys(count, MAX_KEY_BYTES);
  }

  /** All DEKs of a list. Throws BAD_ARGUMENT, with the number of the one that is wrong. */
  static ofList(list: readonly unknown[]): Keys {
    const keys = Keys.ofAny(list.length);
    try {
      for (let i = 0; i < list.length; i++) keys.#takeNumbered(i, list[i] as CreateDekOptions);
      return keys;
    } catch (error) {
      keys.wipe();
      throw error;
    }
  }

  /** All DEKs of a column. Throws BAD_ARGUMENT. */
  static ofColumn(column: DekColumn): Keys {
    assertObject(column, 'deks');
    const {wrapped, plaintext, keySize, keytag, opaque, allowEqualKeys} = column;
    const {kind, given, title} = formOf(wrapped, plaintext, kindOf(keySize, keytag, allowEqualKeys));
    const step = keyBytes(kind);
    const source = viewBytes(given, {min: 0, max: MAX_COLUMN * step, step}, title);
    const keys = new Keys(source.length / step, step);
    keys.#opaque.set(viewBytes(opaque, [keys.count * OPAQUE_BYTES], 'opaque'));
    keys.#bytes.set(source);
    keys.kinds.fill(kind);
    return keys;
  }

  /** Checks and copies what a caller gave for DEK `i`. Each member is read once. Throws BAD_ARGUMENT. */
  take(i: number, options: CreateDekOptions): void {
    assertObject(options, 'options');
    const {wrapped, plaintext, keySize, keytag, opaque, allowEqualKeys} = options;
    const {kind, given, title} = formOf(wrapped, plaintext, kindOf(keySize, keytag, allowEqualKeys));
    this.#bytes.set(viewBytes(given, [keyBytes(kind)], title), i * 4 * this.#stride);
    const at = i * OPAQUE_BYTES;
    this.#opaque.fill(0, at, at + OPAQUE_BYTES);
    if (opaque !== undefined) this.#opaque.set(viewBytes(opaque, OPAQUE_LENGTHS, 'opaque'), at);
    this.kinds[i] = kind;
  }

  /** Writes DEK `i` into the structure, all but its protection domain and login. */
  write(i: number, {words, view}: InitAttr): void {
    const kind = this.kinds[i]!;
    const is256 = (kind & Kind.KEY_SIZE_256) !== 0;
    view.setUint32(INIT_ATTR.key_size, is256 ? C.MLX5DV_CRYPTO_KEY_SIZE_256 : C.MLX5DV_CRYPTO_KEY_SIZE_128, true);
    view.setUint8(INIT_ATTR.has_keytag, (kind & Kind.KEYTAG) !== 0 ? 1 : 0);
    view.setUint32(INIT_ATTR.key_purpose, C.MLX5DV_CRYPTO_KEY_PURPOSE_AES_XTS, true);
    const [from, length] = [i * this.#stride, keyBytes(kind) / 4];
    for (let w = 0; w < MAX_KEY_BYTES / 4; w++) {
      words[INIT_ATTR.key / 4 + w] = w < length ? this.#words[from + w]! : 0;
    }
    words[INIT_ATTR.opaque / 4] = this.#opaqueWords[2 * i]!;
    words[INIT_ATTR.opaque / 4 + 1] = this.#opaqueWords[2 * i + 1]!;
  }

  /** Whether key1 of DEK `i` equals key2. The first difference does not end the search: the time tells nothing. */
  hasEqualHalves(i: number): boolean {
    const half = (this.kinds[i]! & Kind.KEY_SIZE_256) !== 0 ? 8 : 4;
    const from = i * this.#stride;
    let difference = 0;
    for (let w = from; w < from + half; w++) difference |= this.#words[w]! ^ this.#words[w + half]!;
    return difference === 0;
  }

  wipe(): void {
    wipe(this.#bytes);
  }

  /** `take`, with the number in what it complains about. */
  #takeNumbered(i: number, options: CreateDekOptions): void {
    try {
      this.take(i, options);
    } catch (error) {
      if (!(error instanceof DekError)) throw error;
      throw new DekError(error.code, `deks[${i}]: ${error.message}`, {cause: error});
    }
  }
}

function kindOf(keySize: unknown, keytag: unknown, allowEqualKeys: unknown = false): number {
  if (keySize !== 128 && keySize !== 256) throw new DekError('BAD_ARGUMENT', '"keySize" expected 128 or 256');
  if (typeof keytag !== 'boolean') throw new DekError('BAD_ARGUMENT', '"keytag" expected true or false');
  if (typeof allowEqualKeys !== 'boolean') {
    throw new DekError('BAD_ARGUMENT', '"allowEqualKeys" expected true or false');
  }
  return (
    (keySize === 256 ? Kind.KEY_SIZE_256 : 0) | (keytag ? Kind.KEYTAG : 0) | (allowEqualKeys ? Kind.EQUAL_KEYS : 0)
  );
}

/** Which of the two was given, and the kind of DEK that it makes of `layout`. Throws BAD_ARGUMENT for both or none. */
function formOf(wrapped: unknown, plaintext: unknown, layout: number): {kind: number; given: unknown; title: string} {
  if ((wrapped === undefined) === (plaintext === undefined)) {
    throw new DekError('BAD_ARGUMENT', 'expected either "wrapped" or "plaintext"');
  }
  if (wrapped === undefined) return {kind: layout, given: plaintext, title: 'plaintext'};
  return {kind: layout | Kind.WRAPPED, given: wrapped, title: 'wrapped'};
}
