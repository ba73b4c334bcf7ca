/**
 * AES of the libcrypto that Node itself is made with, called in place: EVP_EncryptInit(3). It uses the CPU's AES
 * instructions, and its time does not depend on the key. Nothing is loaded until `loadLibcrypto` is called.
 */
import {DekError} from '../../errors.js';
import {loadKoffi} from '../../koffi.js';
import type {AesEngine, BlockCipher} from './cipher.js';

type ContextPtr = bigint & {readonly __c: 'EVP_CIPHER_CTX'};
type CipherPtr = bigint & {readonly __c: 'EVP_CIPHER'};

/** Where libcrypto says how many bytes it wrote. Koffi is given its address, so it has to live on. */
const outLength = new Int32Array(new ArrayBuffer(4));

type Init = (context: ContextPtr, cipher: CipherPtr, engine: null, key: Uint8Array, iv: null) => number;
type Update = (context: ContextPtr, out: bigint, outLength: bigint, input: bigint, bytes: number) => number;

/** MADV_HUGEPAGE of madvise(2). */
const MADV_HUGEPAGE = 14;
/** Of the kernel, on every architecture that Node is made for: where its pages are larger it rounds by itself. */
const PAGE_BYTES = 4096n;

let madvise: ((address: bigint, length: bigint, advice: number) => number) | undefined;

/**
 * Tells the kernel to give large pages to a buffer that nothing was written to yet. Small pages are given and
 * zeroed one by one as they are met, a tenth or more of the time that it takes to fill the buffer (bench pages). A
 * kernel that has no large pages says no, and nothing is lost.
 */
export function adviseLargePages(buffer: Uint8Array): void {
  const koffi = loadKoffi();
  madvise ??= koffi.load(null).func('int madvise(void *addr, size_t length, int advice)');
  const address = koffi.address(buffer);
  const first = (address + PAGE_BYTES - 1n) & -PAGE_BYTES;
  madvise(first, address + BigInt(buffer.length) - first, MADV_HUGEPAGE);
}

/** Throws when this process has no libcrypto, or one without these functions: they are of OpenSSL 3. */
export function loadLibcrypto(): AesEngine {
  const koffi = loadKoffi();
  const libcrypto = koffi.load(null);
  const fetch: (context: null, name: string, properties: null) => CipherPtr | null = libcrypto.func(
    'void *EVP_CIPHER_fetch(void *ctx, const char *algorithm, const char *properties)',
  );
  const newContext: () => ContextPtr | null = libcrypto.func('void *EVP_CIPHER_CTX_new()');
  const freeContext: (context: ContextPtr) => void = libcrypto.func('void EVP_CIPHER_CTX_free(void *ctx)');
  const setPadding: (context: ContextPtr, pad: 0) => number = libcrypto.func(
    'int EVP_CIPHER_CTX_set_padding(void *ctx, int pad)',
  );
  const initOf = (name: string): Init =>
    libcrypto.func(`int ${name}(void *ctx, void *cipher, void *engine, const void *key, const void *iv)`);
  const updateOf = (name: string): Update =>
    libcrypto.func(`int ${name}(void *ctx, void *out, void *outl, const void *in, int inl)`);
  const [encryptInit, encryptUpdate] = [initOf('EVP_EncryptInit_ex'), updateOf('EVP_EncryptUpdate')];
  const [decryptInit, decryptUpdate] = [initOf('EVP_DecryptInit_ex'), updateOf('EVP_DecryptUpdate')];
  // Once for all: an init with EVP_aes_256_ecb() would fetch anew each time, which takes as long as six blocks.
  const ciphers = new Map([16, 32].map((bytes) => [bytes, found(fetch(null, `AES-${8 * bytes}-ECB`, null))]));
  const outLengthAddress = koffi.address(outLength);

  function withContext<T>(init: Init, update: Update, kek: Uint8Array, use: (cipher: BlockCipher) => T): T {
    const context = found(newContext());
    try {
      check(init(context, found(ciphers.get(kek.length)), null, kek, null));
      // Only decryption needs to be told: it would keep the last block back, in case it is padding.
      if (init === decryptInit) check(setPadding(context, 0));
      // Koffi takes an address faster than an array: with one key, three quarters of the time.
      let known: Uint8Array | undefined;
      let address = 0n;
      return use((blocks) => {
        if (blocks !== known) {
          known = blocks;
          address = koffi.address(blocks);
        }
        check(update(context, address, outLengthAddress, address, blocks.length));
      });
    } finally {
      freeContext(context); // wipes the key schedule: EVP_CIPHER_CTX_free(3)
    }
  }

  return {
    name: 'libcrypto',
    encrypt: (kek, use) => withContext(encryptInit, encryptUpdate, kek, use),
    decrypt: (kek, use) => withContext(decryptInit, decryptUpdate, kek, use),
  };
}

function found<Ptr>(pointer: Ptr | null | undefined): Ptr {
  if (pointer === null || pointer === undefined) throw new DekError('INTERNAL', 'libcrypto has no AES');
  return pointer;
}

function check(success: number): void {
  if (success !== 1) throw new DekError('INTERNAL', 'a call into libcrypto failed');
}
