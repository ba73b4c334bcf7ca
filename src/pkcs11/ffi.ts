/**
 * A PKCS #11 module, by its list of functions: C_GetFunctionList, pkcs11f.h. For 64-bit Linux: CK_ULONG has 8 bytes,
 * structs are aligned as C does. Only the child process of child.ts loads one: it may crash, hang or end the process.
 */
import {viewOf} from '../bytes.js';
import {DekError} from '../errors.js';
import {type Koffi, loadKoffi} from '../koffi.js';
import {cryptokiError} from './cryptoki.js';

/** CK_SESSION_HANDLE, CK_OBJECT_HANDLE, CK_SLOT_ID: some modules make them of pointers. */
export type Handle = bigint;

/** Behind CK_VERSION, pointers in the order of pkcs11f.h: the place of each, and its parameters. */
const FUNCTIONS = {
  C_Initialize: [0, 'void *args'],
  C_Finalize: [1, 'void *reserved'],
  C_GetSlotList: [4, 'uint8_t present, void *list, void *count'],
  C_GetTokenInfo: [6, 'uint64_t slot, void *info'],
  C_GetMechanismList: [7, 'uint64_t slot, void *list, void *count'],
  C_OpenSession: [12, 'uint64_t slot, uint64_t flags, void *application, void *notify, void *session'],
  C_Login: [18, 'uint64_t session, uint64_t user, void *pin, uint64_t length'],
  C_CreateObject: [20, 'uint64_t session, void *template, uint64_t count, void *object'],
  C_DestroyObject: [22, 'uint64_t session, uint64_t object'],
  C_GetAttributeValue: [24, 'uint64_t session, uint64_t object, void *template, uint64_t count'],
  C_FindObjectsInit: [26, 'uint64_t session, void *template, uint64_t count'],
  C_FindObjects: [27, 'uint64_t session, void *objects, uint64_t max, void *count'],
  C_FindObjectsFinal: [28, 'uint64_t session'],
  C_EncryptInit: [29, 'uint64_t session, void *mechanism, uint64_t key'],
  C_Encrypt: [30, 'uint64_t session, void *data, uint64_t length, void *out, void *outLength'],
  C_DecryptInit: [33, 'uint64_t session, void *mechanism, uint64_t key'],
  C_Decrypt: [34, 'uint64_t session, void *data, uint64_t length, void *out, void *outLength'],
  C_SignInit: [42, 'uint64_t session, void *mechanism, uint64_t key'],
  C_Sign: [43, 'uint64_t session, void *data, uint64_t length, void *signature, void *signatureLength'],
  C_GenerateKey: [58, 'uint64_t session, void *mechanism, void *template, uint64_t count, void *key'],
  C_WrapKey: [60, 'uint64_t session, void *mechanism, uint64_t by, uint64_t key, void *wrapped, void *length'],
  C_UnwrapKey: [
    61,
    'uint64_t session, void *mechanism, uint64_t by, void *wrapped, uint64_t length, void *template, ' +
      'uint64_t count, void *key',
  ],
} as const satisfies Record<string, readonly [number, string]>;

export type FunctionName = keyof typeof FUNCTIONS;
/** What a function takes. */
export type Argument = number | bigint | null | Uint8Array | BigUint64Array;

/** A loaded module. */
export interface Module {
  /** Calls a function; what it returns, CKR_OK as 0. */
  tryCall(name: FunctionName, ...args: Argument[]): number;
  /** The same, and throws the error of every other answer. */
  call(name: FunctionName, ...args: Argument[]): void;
}

/** Loads the module of this path. Throws NO_INPUT when it is none. */
export function loadModule(path: string): Module {
  const koffi = loadKoffi();
  let getList: (list: BigUint64Array) => number;
  try {
    getList = koffi.load(path).func('uint64_t C_GetFunctionList(void *list)');
  } catch (cause) {
    throw new DekError('NO_INPUT', `${path} is no PKCS #11 module that can be loaded`, {
      hint: 'module-path= is the path of a shared library, such as /usr/lib/softhsm/libsofthsm2.so',
      cause,
    });
  }
  const out = new BigUint64Array(new ArrayBuffer(8));
  const rv = getList(out);
  if (rv !== 0) throw cryptokiError('C_GetFunctionList', rv);
  const [list] = out;
  if (list === undefined || list === 0n) throw new DekError('IO', `${path} has no list of functions`);
  const functions = new Map<FunctionName, readonly [pointer: bigint, prototype: Prototype]>();
  for (const [name, [index, parameters]] of Object.entries(FUNCTIONS) as [FunctionName, [number, string]][]) {
    const pointer: bigint | null = koffi.decode(list, 8 * (index + 1), 'void *');
    if (pointer === null) throw new DekError('UNSUPPORTED', `${path} has no ${name}`);
    functions.set(name, [pointer, prototypeOf(name, parameters)]);
  }
  const tryCall = (name: FunctionName, ...args: Argument[]): number => {
    const [pointer, prototype] = functions.get(name)!;
    return Number(koffi.call(pointer, prototype, ...args));
  };
  const call = (name: FunctionName, ...args: Argument[]): void => {
    const rv = tryCall(name, ...args);
    if (rv !== 0) throw cryptokiError(name, rv);
  };
  return {tryCall, call};
}

type Prototype = ReturnType<Koffi['proto']>;
/** Koffi knows a name once. */
const prototypes = new Map<string, Prototype>();

function prototypeOf(name: string, parameters: string): Prototype {
  const known = prototypes.get(name) ?? loadKoffi().proto(`uint64_t ${name}(${parameters})`);
  prototypes.set(name, known);
  return known;
}

/** The value of an attribute: CK_BBOOL, CK_ULONG or bytes. */
export type AttributeValue = boolean | number | Uint8Array;

/** CK_ATTRIBUTE: type, pValue and ulValueLen. */
const ATTRIBUTE_BYTES = 24;

/**
 * CK_ATTRIBUTE[], and behind it the values that it points to: one buffer, so that the garbage collector does not take a
 * value while a module looks at it. Wipe it where a value is secret.
 */
export interface Template {
  readonly bytes: Uint8Array;
  readonly count: number;
}

export function templateOf(attributes: readonly (readonly [type: number, value: AttributeValue])[]): Template {
  const values = attributes.map(([, value]) => bytesOf(value));
  const start = ATTRIBUTE_BYTES * attributes.length;
  const length = values.reduce((sum, value) => sum + aligned(value.length), start);
  const bytes = new Uint8Array(new ArrayBuffer(length));
  const [view, address] = [viewOf(bytes), loadKoffi().address(bytes)];
  let at = start;
  for (const [i, [type]] of attributes.entries()) {
    const value = values[i]!;
    bytes.set(value, at);
    view.setBigUint64(ATTRIBUTE_BYTES * i, BigInt(type), true);
    view.setBigUint64(ATTRIBUTE_BYTES * i + 8, address + BigInt(at), true);
    view.setBigUint64(ATTRIBUTE_BYTES * i + 16, BigInt(value.length), true);
    at += aligned(value.length);
  }
  return {bytes, count: attributes.length};
}

/** The value of the one attribute in a template, as a module has set it; undefined when it gives none. */
export function valueIn({bytes}: Template): Uint8Array | undefined {
  const length = Number(viewOf(bytes).getBigInt64(16, true));
  return length >= 0 && length <= bytes.length - ATTRIBUTE_BYTES
    ? bytes.subarray(ATTRIBUTE_BYTES, ATTRIBUTE_BYTES + length)
    : undefined;
}

function aligned(length: number): number {
  return Math.ceil(length / 8) * 8;
}

/** CK_MECHANISM without a parameter: {mechanism, NULL, 0}. */
export function mechanismOf(mechanism: number): Uint8Array {
  const bytes = new Uint8Array(new ArrayBuffer(24));
  viewOf(bytes).setBigUint64(0, BigInt(mechanism), true);
  return bytes;
}

function bytesOf(value: AttributeValue): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const bytes = new Uint8Array(new ArrayBuffer(typeof value === 'boolean' ? 1 : 8));
  if (typeof value === 'boolean') bytes[0] = value ? 1 : 0;
  else viewOf(bytes).setBigUint64(0, BigInt(value), true);
  return bytes;
}

/** CK_ULONG that a module writes to. */
export function ulong(value = 0): BigUint64Array {
  const words = new BigUint64Array(new ArrayBuffer(8));
  words[0] = BigInt(value);
  return words;
}
