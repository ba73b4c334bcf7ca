/**
 * AES key wrap in a token: CKM_AES_KEY_WRAP (RFC 3394), a key at a time. A plaintext DEK is made an object of the
 * session for the time of its wrap, or read from one after its unwrap; of a re-wrap, and of a key that is made there,
 * nothing but the wrapped key leaves the token.
 */
import {secretBytes, wipe} from '../bytes.js';
import {wrappedBytes} from '../dek-layout.js';
import {DekError} from '../errors.js';
import type {AesEngine, BlockCipher} from '../wrap/aes/cipher.js';
import {withEngine} from '../wrap/aes/engine.js';
import {unwrapKeys, wrapKeys} from '../wrap/bulk.js';
import {CKA, CKK, CKM, CKO_SECRET_KEY, cryptokiError, isUnwrapFailure} from './cryptoki.js';
import {
  type Argument,
  type AttributeValue,
  type FunctionName,
  type Handle,
  mechanismOf,
  type Template,
  templateOf,
  ulong,
} from './ffi.js';
import type {Session} from './session.js';

const KEY_WRAP = mechanismOf(CKM.AES_KEY_WRAP);
const GENERATE = mechanismOf(CKM.GENERIC_SECRET_KEY_GEN);
const ECB = mechanismOf(CKM.AES_ECB);

/** An object of this session alone, of any length, which may be wrapped. */
const SESSION_KEY: readonly (readonly [number, AttributeValue])[] = [
  [CKA.CLASS, CKO_SECRET_KEY],
  [CKA.KEY_TYPE, CKK.GENERIC_SECRET],
  [CKA.TOKEN, false],
  [CKA.EXTRACTABLE, true],
];
/** Its value can be read; or cannot, for what stays in the token. */
const READABLE = [CKA.SENSITIVE, false] as const;
const HIDDEN = [CKA.SENSITIVE, true] as const;

/** Wraps a column of keys. */
export function wrapAll(session: Session, kek: Handle, plaintexts: Uint8Array, plaintextBytes: number): Uint8Array {
  const count = plaintexts.length / plaintextBytes;
  const wrapped = new Uint8Array(count * wrappedBytes(plaintextBytes));
  for (let i = 0; i < count; i++) {
    const plaintext = plaintexts.subarray(i * plaintextBytes, (i + 1) * plaintextBytes);
    const template = templateOf([...SESSION_KEY, READABLE, [CKA.VALUE, plaintext]]);
    const object = create(session, template);
    wrapped.set(wrapObject(session, kek, object, plaintextBytes), i * wrappedBytes(plaintextBytes));
  }
  return wrapped;
}

/** Unwraps a column of keys; the bytes of those whose positions come with it are zero. */
export function unwrapAll(
  session: Session,
  kek: Handle,
  wrapped: Uint8Array,
  plaintextBytes: number,
): {keys: Uint8Array; failed: number[]} {
  const failed: number[] = [];
  const eachBytes = wrappedBytes(plaintextBytes);
  const count = wrapped.length / eachBytes;
  const keys = secretBytes(count * plaintextBytes);
  try {
    for (let i = 0; i < count; i++) {
      const object = unwrapObject(session, kek, wrapped.subarray(i * eachBytes, (i + 1) * eachBytes), READABLE);
      if (object === undefined) {
        failed.push(i);
        continue;
      }
      const value = session.attribute(object, CKA.VALUE, plaintextBytes + 8);
      destroy(session, object);
      try {
        if (value?.length !== plaintextBytes) throw new DekError('IO', 'the token does not give out what it unwrapped');
        keys.set(value, i * plaintextBytes);
      } finally {
        wipe(value);
      }
    }
    return {keys, failed};
  } catch (error) {
    wipe(keys);
    throw error;
  }
}

/** Unwraps with one key and wraps with another; nothing of it leaves the token. */
export function rewrapAll(
  session: Session,
  from: Handle,
  to: Handle,
  wrapped: Uint8Array,
  plaintextBytes: number,
): {keys: Uint8Array; failed: number[]} {
  const failed: number[] = [];
  const eachBytes = wrappedBytes(plaintextBytes);
  const keys = new Uint8Array(wrapped.length);
  for (let i = 0; i * eachBytes < wrapped.length; i++) {
    const object = unwrapObject(session, from, wrapped.subarray(i * eachBytes, (i + 1) * eachBytes), HIDDEN);
    if (object === undefined) failed.push(i);
    else keys.set(wrapObject(session, to, object, plaintextBytes), i * eachBytes);
  }
  return {keys, failed};
}

/** Makes `count` random keys in the token, and gives them wrapped. */
export function generateAll(session: Session, kek: Handle, count: number, plaintextBytes: number): Uint8Array {
  const wrapped = new Uint8Array(count * wrappedBytes(plaintextBytes));
  for (let i = 0; i < count; i++) {
    const template = templateOf([...SESSION_KEY, HIDDEN, [CKA.VALUE_LEN, plaintextBytes]]);
    const object = make(session, 'C_GenerateKey', session.handle, GENERATE, template.bytes, template.count);
    wrapped.set(wrapObject(session, kek, object, plaintextBytes), i * wrappedBytes(plaintextBytes));
  }
  return wrapped;
}

/** Wraps a column in lanes, by AES-ECB of the token: src/wrap/lane.ts. */
export function wrapInLanes(session: Session, kek: Handle, plaintexts: Uint8Array, plaintextBytes: number): Uint8Array {
  return withEngine(ecbOf(session, kek), () => wrapKeys(NO_KEK, plaintexts, plaintextBytes));
}

export function unwrapInLanes(
  session: Session,
  kek: Handle,
  wrapped: Uint8Array,
  plaintextBytes: number,
): {keys: Uint8Array; failed: number[]} {
  const failed: number[] = [];
  const keys = withEngine(ecbOf(session, kek), () => unwrapKeys(NO_KEK, wrapped, plaintextBytes, failed));
  return {keys, failed};
}

/** The engine asks for one, and the token's does not look at it. */
const NO_KEK = new Uint8Array(16);

function ecbOf({module, handle}: Session, kek: Handle): AesEngine {
  const cipher =
    (init: FunctionName, go: FunctionName): BlockCipher =>
    (blocks) => {
      const length = ulong(blocks.length);
      module.call(init, handle, ECB, kek);
      module.call(go, handle, blocks, blocks.length, blocks, length);
      if (Number(length[0]) !== blocks.length) throw new DekError('IO', 'the module made an AES-ECB of a wrong length');
    };
  return {
    name: 'libcrypto',
    encrypt: (_, use) => use(cipher('C_EncryptInit', 'C_Encrypt')),
    decrypt: (_, use) => use(cipher('C_DecryptInit', 'C_Decrypt')),
  };
}

/** The object of a template, which is wiped. */
function create(session: Session, {bytes, count}: Template): Handle {
  try {
    return make(session, 'C_CreateObject', session.handle, bytes, count);
  } finally {
    wipe(bytes);
  }
}

function make(session: Session, name: FunctionName, ...args: Argument[]): Handle {
  const object = ulong();
  session.module.call(name, ...args, object);
  return object[0]!;
}

/** The object wrapped; it is destroyed. */
function wrapObject(session: Session, kek: Handle, object: Handle, plaintextBytes: number): Uint8Array {
  const wrapped = new Uint8Array(new ArrayBuffer(wrappedBytes(plaintextBytes)));
  const length = ulong(wrapped.length);
  try {
    session.module.call('C_WrapKey', session.handle, KEY_WRAP, kek, object, wrapped, length);
  } finally {
    destroy(session, object);
  }
  if (Number(length[0]) !== wrapped.length) {
    throw new DekError('IO', `the token wrapped ${plaintextBytes} bytes into ${length[0]}, not into ${wrapped.length}`);
  }
  return wrapped;
}

/** A new object with what was wrapped; undefined when KEK and bytes do not belong together. */
function unwrapObject(
  session: Session,
  kek: Handle,
  wrapped: Uint8Array,
  sensitive: typeof READABLE | typeof HIDDEN,
): Handle | undefined {
  const template = templateOf([...SESSION_KEY, sensitive]);
  const object = ulong();
  const rv = session.module.tryCall(
    'C_UnwrapKey',
    session.handle,
    KEY_WRAP,
    kek,
    wrapped,
    wrapped.length,
    template.bytes,
    template.count,
    object,
  );
  if (isUnwrapFailure(rv)) return undefined;
  if (rv !== 0) throw cryptokiError('C_UnwrapKey', rv);
  return object[0]!;
}

/** What a token does not destroy goes with the session. */
function destroy(session: Session, object: Handle): void {
  session.module.tryCall('C_DestroyObject', session.handle, object);
}
