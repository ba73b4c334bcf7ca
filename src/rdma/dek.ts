/**
 * DEKs: mlx5dv_dek_create(3), mlx5dv_dek_query(3), mlx5dv_dek_destroy(3). A key goes to C inside one structure outside
 * V8's heap, which is wiped after the call. What cannot be wiped from here: the copy that libmlx5 makes on its stack.
 */
import {equalBytes, secretBytes, wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import {assertObject, copyBytes, wrongReceiver} from './args.js';
import type {Context} from './context.js';
import {type About, callFailed} from './errno.js';
import type {DekPtr} from './ffi.js';
import {C, MLX5DV_DEK_INIT_ATTR as INIT_ATTR, MLX5DV_DEK_ATTR} from './layout.js';
import {Login} from './login.js';

/** ERROR: the key is unusable, and has to be destroyed and created again. */
export type DekState = 'READY' | 'ERROR';

export interface CreateDekOptions {
  /** The key as wrapped by the login's import KEK: 40, 48, 72 or 80 bytes. Either this or `plaintext`. */
  wrapped?: Uint8Array | undefined;
  /** key1, key2 and, if there is one, the keytag: 32, 40, 64 or 72 bytes. Only for NICs of plaintext import mode. */
  plaintext?: Uint8Array | undefined;
  /** Bits of key1, as of key2. */
  keySize: 128 | 256;
  /** Whether the key ends with a keytag of 8 bytes. */
  keytag: boolean;
  /** A label of up to 8 bytes, padded with zeros; not secret, returned by `query`. */
  opaque?: Uint8Array | undefined;
}

const OPAQUE_BYTES = 8;
const OPAQUE_LENGTHS = [0, 1, 2, 3, 4, 5, 6, 7, 8];
const WRAP_OVERHEAD_BYTES = 8;

/** Bytes of a key with its keytag: mlx5dv_dek_create(3), table "DEK key field construction". */
function keyBytes(keySize: 128 | 256, keytag: boolean, wrapped: boolean): number {
  return (keySize / 8) * 2 + (keytag ? 8 : 0) + (wrapped ? WRAP_OVERHEAD_BYTES : 0);
}

/** A DEK on a NIC. It lives until `destroy`, until its device closes, or until the process ends. */
export class Dek {
  readonly keySize: 128 | 256;
  readonly keytag: boolean;
  readonly #context: Context;
  readonly #wrapped: boolean;
  #ptr: DekPtr | null;

  /** Not for callers: `device.createDek()` makes DEKs. */
  constructor(context: Context, ptr: DekPtr, keySize: 128 | 256, keytag: boolean, wrapped: boolean) {
    this.#context = context;
    this.#ptr = ptr;
    this.#wrapped = wrapped;
    this.keySize = keySize;
    this.keytag = keytag;
  }

  /** Whether it was destroyed, or its device closed. */
  get closed(): boolean {
    const self = Dek.#check(this);
    return self.#ptr === null || self.#context.closed;
  }

  /**
   * Asks the NIC for the DEK's state and its 8 opaque bytes. A wrapped DEK is told only under a valid login: throws
   * NO_LOGIN or NOT_READY without one. Throws CLOSED after `destroy`.
   */
  query(): {state: DekState; opaque: Uint8Array} {
    const self = Dek.#check(this);
    const errno = self.#context.lib.mlx5dv_dek_query(self.#alive(), dekAttr.fill(0));
    if (errno !== 0) throw callFailed('query', errno, about(self.#context, self.#wrapped));
    return {
      state: dekView.getUint32(MLX5DV_DEK_ATTR.state, true) === C.MLX5DV_DEK_STATE_READY ? 'READY' : 'ERROR',
      opaque: dekAttr.slice(MLX5DV_DEK_ATTR.opaque, MLX5DV_DEK_ATTR.opaque + OPAQUE_BYTES),
    };
  }

  /** Removes the DEK from the NIC. Throws CLOSED the second time; any other error leaves it alive, to be tried again. */
  destroy(): void {
    const self = Dek.#check(this);
    const errno = self.#context.lib.mlx5dv_dek_destroy(self.#alive());
    if (errno !== 0) throw callFailed('destroy', errno, about(self.#context, self.#wrapped));
    self.#ptr = null;
    self.#context.deks.delete(self);
  }

  /** `destroy`, and nothing when it is gone already. */
  [Symbol.dispose](): void {
    const self = Dek.#check(this);
    if (!self.closed) self.destroy();
  }

  #alive(): DekPtr {
    if (this.#ptr === null) throw new DekError('CLOSED', 'this DEK is destroyed');
    this.#context.ptr;
    return this.#ptr;
  }

  static #check(value: unknown): Dek {
    if (typeof value === 'object' && value !== null && #ptr in value) return value;
    throw wrongReceiver('Dek');
  }
}

/** One of each for all calls, since none overlaps another. The first is filled, handed to C, and wiped. */
const initAttr = secretBytes(INIT_ATTR.size);
const initView = new DataView(initAttr.buffer);
const dekAttr = secretBytes(MLX5DV_DEK_ATTR.size);
const dekView = new DataView(dekAttr.buffer);
const LOGIN_BIT = BigInt(C.MLX5DV_DEK_INIT_ATTR_CRYPTO_LOGIN);

/** Creates a DEK in `context`, under its login if the key is wrapped. */
export function createDek(context: Context, options: CreateDekOptions): Dek {
  assertObject(options, 'options');
  // Each read once: from here on no code of the caller runs.
  const {wrapped, plaintext, keySize, keytag, opaque} = options;
  if (keySize !== 128 && keySize !== 256) throw new DekError('BAD_ARGUMENT', '"keySize" expected 128 or 256');
  if (typeof keytag !== 'boolean') throw new DekError('BAD_ARGUMENT', '"keytag" expected true or false');
  if ((wrapped === undefined) === (plaintext === undefined)) {
    throw new DekError('BAD_ARGUMENT', 'expected either "wrapped" or "plaintext"');
  }
  const isWrapped = wrapped !== undefined;
  const {lib, ptr, deks} = context;
  try {
    const length = keyBytes(keySize, keytag, isWrapped);
    copyBytes(initAttr, INIT_ATTR.key, wrapped ?? plaintext, [length], isWrapped ? 'wrapped' : 'plaintext');
    if (opaque !== undefined) copyBytes(initAttr, INIT_ATTR.opaque, opaque, OPAQUE_LENGTHS, 'opaque');
    if (isWrapped) nameLogin(context);
    else assertPlaintext(context, keySize);
    initView.setUint32(
      INIT_ATTR.key_size,
      keySize === 128 ? C.MLX5DV_CRYPTO_KEY_SIZE_128 : C.MLX5DV_CRYPTO_KEY_SIZE_256,
      true,
    );
    initView.setUint8(INIT_ATTR.has_keytag, keytag ? 1 : 0);
    initView.setUint32(INIT_ATTR.key_purpose, C.MLX5DV_CRYPTO_KEY_PURPOSE_AES_XTS, true);
    initView.setBigUint64(INIT_ATTR.pd, context.pd, true);
    const dekPtr = lib.mlx5dv_dek_create(ptr, initAttr);
    if (dekPtr === null) throw callFailed('create', lib.errno(), about(context, isWrapped));
    const dek = new Dek(context, dekPtr, keySize, keytag, isWrapped);
    deks.add(dek);
    return dek;
  } finally {
    wipe(initAttr);
  }
}

/**
 * Which login unwraps the key. A login object is named in the structure; a session is not, and comp_mask stays 0. The
 * bit with NULL would mean "this key is plaintext", so that without a login nothing is sent at all.
 */
function nameLogin(context: Context): void {
  const {info, caps, login} = context;
  if (caps.importMode === 'plaintext') {
    throw new DekError('UNSUPPORTED', `${info.name} takes plaintext DEKs only (plaintext import mode)`);
  }
  if (login === undefined) {
    throw new DekError('NO_LOGIN', `${info.name} is not logged in`, {
      hint: 'A wrapped DEK is created under a login: log in first',
    });
  }
  const object = Login.objectOf(login);
  if (object === null) return;
  initView.setBigUint64(INIT_ATTR.comp_mask, LOGIN_BIT, true);
  initView.setBigUint64(INIT_ATTR.crypto_login, object, true);
}

/** FIPS 140-3 IG C.I: the NIC may or may not refuse AES-XTS with key1 == key2. Of a wrapped key only the NIC can tell. */
function assertDistinctKeys(keySize: 128 | 256): void {
  const [key1, key2] = [0, 1].map((i) => initAttr.subarray(INIT_ATTR.key + (i * keySize) / 8).subarray(0, keySize / 8));
  if (!equalBytes(key1!, key2!)) return;
  throw new DekError('EQUAL_KEYS', 'key1 and key2 are equal', {
    hint: 'AES-XTS needs two different keys (FIPS 140-3 IG C.I)',
  });
}

/** The bit with NULL: a plaintext DEK. */
function assertPlaintext({info, caps, lib}: Context, keySize: 128 | 256): void {
  if (caps.importMode === 'wrapped') {
    throw new DekError('UNSUPPORTED', `${info.name} takes wrapped DEKs only (wrapped import mode)`, {
      hint: 'wrap the key with the import KEK first: dek wrap',
    });
  }
  if (lib.loginObjects === undefined) throw new DekError('UNSUPPORTED', 'plaintext DEKs need rdma-core 42 or later');
  assertDistinctKeys(keySize);
  initView.setBigUint64(INIT_ATTR.comp_mask, LOGIN_BIT, true);
}

function about(context: Context, wrapped: boolean): About {
  const loginState = () => {
    try {
      return context.login?.query() ?? 'NO_LOGIN';
    } catch {
      // Only asked to explain another error: that one is the answer.
      return 'VALID';
    }
  };
  return {
    device: context.info.name,
    maxDeks: context.caps.maxDeks,
    wrapped,
    loginState,
    answers: () => context.answers(),
  };
}
