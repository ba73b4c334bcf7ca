/** The numbers of PKCS #11 v2.40 that are used here, under their C names, and what its errors mean: pkcs11t.h. */
import {DekError, type DekErrorCode} from '../errors.js';

export const CKF = {LOGIN_REQUIRED: 4n, SERIAL_SESSION: 4, USER_PIN_LOCKED: 0x40000n};
export const CKU_USER = 1;
export const CKO_SECRET_KEY = 4;
export const CKK = {GENERIC_SECRET: 0x10, AES: 0x1f};

export const CKA = {
  CLASS: 0x0,
  TOKEN: 0x1,
  LABEL: 0x3,
  VALUE: 0x11,
  KEY_TYPE: 0x100,
  ID: 0x102,
  SENSITIVE: 0x103,
  ENCRYPT: 0x104,
  DECRYPT: 0x105,
  WRAP: 0x106,
  UNWRAP: 0x107,
  SIGN: 0x108,
  VALUE_LEN: 0x161,
  EXTRACTABLE: 0x162,
};

export const CKM = {
  GENERIC_SECRET_KEY_GEN: 0x350,
  AES_ECB: 0x1081,
  AES_CMAC: 0x108a,
  /** RFC 3394 with the default IV. */
  AES_KEY_WRAP: 0x2109,
};

type Meaning = readonly [name: string, code: DekErrorCode, words: string, hint?: string];

const GONE = 'is the token still plugged in, and its server up?';
const POLICY = 'the policy of the key in the token forbids it: whoever made the key set that';

/** By CKR_ number; what is not here is IO. */
const MEANINGS: Readonly<Record<number, Meaning>> = {
  2: ['CKR_HOST_MEMORY', 'LIMIT', 'the module has no memory left'],
  3: ['CKR_SLOT_ID_INVALID', 'NO_INPUT', 'there is no such slot'],
  5: ['CKR_GENERAL_ERROR', 'IO', 'the module failed and says no more'],
  6: ['CKR_FUNCTION_FAILED', 'IO', 'the module failed and says no more'],
  17: ['CKR_ATTRIBUTE_SENSITIVE', 'PERMISSION', 'the token does not give that out', POLICY],
  27: ['CKR_ACTION_PROHIBITED', 'PERMISSION', 'the token does not allow it', POLICY],
  48: ['CKR_DEVICE_ERROR', 'IO', 'the token failed', GONE],
  49: ['CKR_DEVICE_MEMORY', 'LIMIT', 'the token is full', 'remove objects from it that nobody needs'],
  50: ['CKR_DEVICE_REMOVED', 'DEVICE_GONE', 'the token was removed', GONE],
  84: ['CKR_FUNCTION_NOT_SUPPORTED', 'UNSUPPORTED', 'the module does not have this function'],
  96: ['CKR_KEY_HANDLE_INVALID', 'NO_INPUT', 'the key is gone'],
  98: ['CKR_KEY_SIZE_RANGE', 'UNSUPPORTED', 'the token does not take keys of this size'],
  99: ['CKR_KEY_TYPE_INCONSISTENT', 'UNSUPPORTED', 'the token does not do this with a key of this type'],
  104: ['CKR_KEY_FUNCTION_NOT_PERMITTED', 'PERMISSION', 'the key may not be used for this', POLICY],
  105: ['CKR_KEY_NOT_WRAPPABLE', 'PERMISSION', 'the token does not let this key be wrapped', POLICY],
  106: ['CKR_KEY_UNEXTRACTABLE', 'PERMISSION', 'the token does not let this key out', POLICY],
  112: ['CKR_MECHANISM_INVALID', 'UNSUPPORTED', 'the token does not have this mechanism'],
  113: ['CKR_MECHANISM_PARAM_INVALID', 'UNSUPPORTED', 'the token does not have this mechanism as it is used here'],
  160: ['CKR_PIN_INCORRECT', 'PERMISSION', 'the PIN is wrong', 'it was tried once; after a few wrong ones tokens lock'],
  161: ['CKR_PIN_INVALID', 'PERMISSION', 'the PIN has characters that the token does not take'],
  162: ['CKR_PIN_LEN_RANGE', 'PERMISSION', 'the PIN is too short or too long', 'is a line missing, or one too many?'],
  163: ['CKR_PIN_EXPIRED', 'PERMISSION', 'the PIN has expired', 'set a new one with the tools of the token'],
  164: ['CKR_PIN_LOCKED', 'PERMISSION', 'the PIN is locked', 'its security officer can unlock it'],
  176: ['CKR_SESSION_CLOSED', 'NO_LOGIN', 'the token ended the session', 'try again'],
  177: ['CKR_SESSION_COUNT', 'LIMIT', 'the token has no session left', 'end other programs that use it, or try again'],
  179: ['CKR_SESSION_HANDLE_INVALID', 'NO_LOGIN', 'the token ended the session', 'try again'],
  224: ['CKR_TOKEN_NOT_PRESENT', 'DEVICE_GONE', 'the token was removed', GONE],
  225: ['CKR_TOKEN_NOT_RECOGNIZED', 'NO_INPUT', 'the module does not know this token'],
  240: ['CKR_UNWRAPPING_KEY_HANDLE_INVALID', 'NO_INPUT', 'the key is gone'],
  257: [
    'CKR_USER_NOT_LOGGED_IN',
    'NO_LOGIN',
    'nobody is logged in',
    'give the PIN, pin-source=; if it was given: try again',
  ],
  258: ['CKR_USER_PIN_NOT_INITIALIZED', 'NO_LOGIN', 'the token has no PIN yet', 'set one with the tools of the token'],
  261: ['CKR_USER_TOO_MANY_TYPES', 'BUSY', 'another user is logged in'],
  275: ['CKR_WRAPPING_KEY_HANDLE_INVALID', 'NO_INPUT', 'the key is gone'],
};

/** What a failed unwrap may be, in one token or another: one error, without detail. */
const UNWRAP_FAILURES: readonly number[] = [0x40, 0x41, 0x110, 0x112];
/** They are said by some modules (SoftHSM among them) when the check of RFC 3394 fails. */
const VAGUE_FAILURES: readonly number[] = [5, 6];

export const CKR_USER_ALREADY_LOGGED_IN = 0x100;

/** Whether this answer to C_UnwrapKey says that KEK and bytes do not belong together. */
export function isUnwrapFailure(rv: number): boolean {
  return UNWRAP_FAILURES.includes(rv) || VAGUE_FAILURES.includes(rv);
}

/** The error for an answer of a module other than CKR_OK. */
export function cryptokiError(call: string, rv: number): DekError {
  const [name, code, words, hint] = MEANINGS[rv] ?? [`0x${rv.toString(16)}`, 'IO', 'the module refused it'];
  return new DekError(code, `${call}: ${words} (${name})`, {hint, errno: name});
}
