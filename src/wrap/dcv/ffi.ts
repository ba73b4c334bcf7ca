/**
 * Check values by the libcrypto that Node itself is made with, called in place: its AES-XTS and SHA-256 take a
 * sixth of the time of the engine of the wraps, one key after the other (bench dcv). Nothing is loaded until
 * `withLibcryptoDcv` is called.
 */
import {secretBytes, wipe} from '../../bytes.js';
import {DCV_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {loadKoffi} from '../../koffi.js';
import {BLOCK_BYTES} from '../aes/cipher.js';
import {DCV_PREFIX, DCV_UNIT_BYTES, DCV_UNITS, dcvTweak} from './dcv.js';

type Ptr = bigint & {readonly __c: 'void'};

/** The functions of EVP_EncryptInit(3) and EVP_DigestInit(3) that it takes, and what they work with. */
interface Libcrypto {
  readonly ciphers: ReadonlyMap<number, Ptr>;
  readonly sha256: Ptr;
  newContext(): Ptr | null;
  freeContext(context: Ptr): void;
  init(context: Ptr, cipher: Ptr | null, engine: null, key: bigint | null, iv: bigint): number;
  update(context: Ptr, out: bigint, outLength: bigint, input: bigint, bytes: number): number;
  digest(data: bigint, bytes: number, digest: bigint, size: null, type: Ptr, engine: null): number;
}

let libcrypto: Libcrypto | undefined;

/**
 * What Koffi is given the address of lives on: V8 collects what a function names no more, though libcrypto writes to it
 * still. The plaintext, where libcrypto says how many bytes it wrote, and both tweaks.
 */
const zeros = new Uint8Array(new ArrayBuffer(DCV_UNIT_BYTES));
const outLength = new Uint8Array(new ArrayBuffer(4));
const tweaks = new Uint8Array(new ArrayBuffer(DCV_UNITS * BLOCK_BYTES));
for (const unit of [0, 1] as const) tweaks.set(dcvTweak(unit), unit * BLOCK_BYTES);

/** The check value of key1 || key2, which differ, is put into `out`, at `at`. */
export type DcvInto = (key1: Uint8Array, key2: Uint8Array, out: Uint8Array, at: number) => void;

/** Calls `use` with a function for keys of `keyBytes` bytes each; all that it has held of them is wiped then. */
export function withLibcryptoDcv<T>(keyBytes: number, use: (into: DcvInto) => T): T {
  libcrypto ??= load();
  const {ciphers, sha256, newContext, freeContext, init, update, digest} = libcrypto;
  const {address} = loadKoffi();
  const message = secretBytes(DCV_PREFIX.length + DCV_UNITS * DCV_UNIT_BYTES);
  message.set(DCV_PREFIX);
  const key = secretBytes(2 * keyBytes);
  const hash = secretBytes(32);
  const [messageAt, zerosAt, keyAt, hashAt] = [address(message), address(zeros), address(key), address(hash)];
  const [outLengthAt, tweaksAt] = [address(outLength), address(tweaks)];
  const secondTweakAt = tweaksAt + BigInt(BLOCK_BYTES);
  const firstAt = messageAt + BigInt(DCV_PREFIX.length);
  const secondAt = firstAt + BigInt(DCV_UNIT_BYTES);
  const context = found(newContext());
  try {
    check(init(context, found(ciphers.get(keyBytes)), null, null, tweaksAt));
    return use((key1, key2, out, at) => {
      key.set(key1);
      key.set(key2, keyBytes);
      check(init(context, null, null, keyAt, tweaksAt));
      check(update(context, firstAt, outLengthAt, zerosAt, DCV_UNIT_BYTES));
      check(init(context, null, null, null, secondTweakAt));
      check(update(context, secondAt, outLengthAt, zerosAt, DCV_UNIT_BYTES));
      check(digest(messageAt, message.length, hashAt, null, sha256, null));
      for (let i = 0; i < DCV_BYTES; i++) out[at + i] = hash[i]!;
    });
  } finally {
    freeContext(context); // wipes the key schedules: EVP_CIPHER_CTX_free(3)
    wipe(message, key, hash);
  }
}

/** Throws when this process has no libcrypto, or one without these functions: they are of OpenSSL 3. */
function load(): Libcrypto {
  const library = loadKoffi().load(null);
  const fetchOf = (name: string): ((context: null, algorithm: string, properties: null) => Ptr | null) =>
    library.func(`void *${name}(void *ctx, const char *algorithm, const char *properties)`);
  const [fetchCipher, fetchDigest] = [fetchOf('EVP_CIPHER_fetch'), fetchOf('EVP_MD_fetch')];
  // Once for all: to fetch takes as long as a check value.
  const ciphers = new Map([16, 32].map((bytes) => [bytes, found(fetchCipher(null, `AES-${8 * bytes}-XTS`, null))]));
  return {
    ciphers,
    sha256: found(fetchDigest(null, 'SHA256', null)),
    newContext: library.func('void *EVP_CIPHER_CTX_new()'),
    freeContext: library.func('void EVP_CIPHER_CTX_free(void *ctx)'),
    init: library.func(
      'int EVP_EncryptInit_ex(void *ctx, void *cipher, void *engine, const void *key, const void *iv)',
    ),
    update: library.func('int EVP_EncryptUpdate(void *ctx, void *out, void *outl, const void *in, int inl)'),
    digest: library.func(
      'int EVP_Digest(const void *data, size_t count, void *md, void *size, void *type, void *engine)',
    ),
  };
}

function found<P>(pointer: P | null | undefined): P {
  if (pointer === null || pointer === undefined) throw new DekError('INTERNAL', 'libcrypto has no AES-XTS');
  return pointer;
}

function check(success: number): void {
  if (success !== 1) throw new DekError('INTERNAL', 'a call into libcrypto failed');
}
