/**
 * AES-256-GCM of the libcrypto that Node itself is made with, in place: EVP_EncryptInit(3). node:crypto would leave
 * what it decrypted in memory that it has freed (a search of the memory found it).
 */
import {DekError} from '../errors.js';
import {loadKoffi} from '../koffi.js';

/** Keys have 32 bytes, tags 16. */
export interface Gcm {
  /** Encrypts `bytes` where they lie, and returns the tag. */
  seal(key: Uint8Array, nonce: Uint8Array, bytes: Uint8Array): Uint8Array;
  /** Decrypts `bytes` where they lie. False when the tag is wrong: they mean nothing, and the caller wipes them. */
  open(key: Uint8Array, nonce: Uint8Array, bytes: Uint8Array, tag: Uint8Array): boolean;
}

type ContextPtr = bigint & {readonly __c: 'EVP_CIPHER_CTX'};
type CipherPtr = bigint & {readonly __c: 'EVP_CIPHER'};

/** EVP_CTRL_AEAD_GET_TAG and EVP_CTRL_AEAD_SET_TAG of openssl/evp.h. */
const GET_TAG = 0x10;
const SET_TAG = 0x11;
const NO_BYTES = new Uint8Array(16);

/** Throws when this process has no libcrypto, or one without these functions: they are of OpenSSL 3. */
export function loadLibcryptoGcm(): Gcm {
  const libcrypto = loadKoffi().load(null);
  const fetch: (context: null, name: string, properties: null) => CipherPtr | null = libcrypto.func(
    'void *EVP_CIPHER_fetch(void *ctx, const char *algorithm, const char *properties)',
  );
  const newContext: () => ContextPtr | null = libcrypto.func('void *EVP_CIPHER_CTX_new()');
  const freeContext: (context: ContextPtr) => void = libcrypto.func('void EVP_CIPHER_CTX_free(void *ctx)');
  type Init = (context: ContextPtr, cipher: CipherPtr, engine: null, key: Uint8Array, iv: Uint8Array) => number;
  type Update = (context: ContextPtr, out: Uint8Array, outl: Int32Array, input: Uint8Array, bytes: number) => number;
  type Final = (context: ContextPtr, out: Uint8Array, outl: Int32Array) => number;
  const init = (name: string): Init =>
    libcrypto.func(`int ${name}(void *ctx, void *cipher, void *engine, const void *key, const void *iv)`);
  const update = (name: string): Update =>
    libcrypto.func(`int ${name}(void *ctx, void *out, void *outl, const void *in, int inl)`);
  const final = (name: string): Final => libcrypto.func(`int ${name}(void *ctx, void *out, void *outl)`);
  const control: (context: ContextPtr, type: number, arg: number, bytes: Uint8Array) => number = libcrypto.func(
    'int EVP_CIPHER_CTX_ctrl(void *ctx, int type, int arg, void *ptr)',
  );
  const encrypt = [init('EVP_EncryptInit_ex'), update('EVP_EncryptUpdate'), final('EVP_EncryptFinal_ex')] as const;
  const decrypt = [init('EVP_DecryptInit_ex'), update('EVP_DecryptUpdate'), final('EVP_DecryptFinal_ex')] as const;
  const cipher = found(fetch(null, 'AES-256-GCM', null));
  const outLength = new Int32Array(new ArrayBuffer(4));

  function withContext<T>(use: (context: ContextPtr) => T): T {
    const context = found(newContext());
    try {
      return use(context);
    } finally {
      freeContext(context); // wipes the key schedule: EVP_CIPHER_CTX_free(3)
    }
  }

  return {
    seal: (key, nonce, bytes) =>
      withContext((context) => {
        const [begin, go, end] = encrypt;
        check(begin(context, cipher, null, key, nonce));
        if (bytes.length > 0) check(go(context, bytes, outLength, bytes, bytes.length));
        check(end(context, NO_BYTES, outLength));
        const tag = new Uint8Array(16);
        check(control(context, GET_TAG, tag.length, tag));
        return tag;
      }),
    open: (key, nonce, bytes, tag) =>
      withContext((context) => {
        const [begin, go, end] = decrypt;
        check(begin(context, cipher, null, key, nonce));
        if (bytes.length > 0) check(go(context, bytes, outLength, bytes, bytes.length));
        check(control(context, SET_TAG, tag.length, tag));
        return end(context, NO_BYTES, outLength) === 1;
      }),
  };
}

function found<Ptr>(pointer: Ptr | null): Ptr {
  if (pointer === null) throw new DekError('INTERNAL', 'libcrypto has no AES-256-GCM');
  return pointer;
}

function check(success: number): void {
  if (success !== 1) throw new DekError('INTERNAL', 'a call into libcrypto failed');
}
