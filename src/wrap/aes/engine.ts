/**
 * What computes AES here: one of three engines, chosen at first use. Each is asked known answers before it is trusted,
 * and one that is missing or answers wrongly is silently passed over for the next; `dek selftest` tells.
 */
import {equalBytes, fromHex, secretBytes} from '../../bytes.js';
import {DekError} from '../../errors.js';
import type {AesEngine} from './cipher.js';
import {loadLibcrypto} from './ffi.js';
import {loadNoble} from './noble-aes.js';
import {loadNodeCrypto} from './node-aes.js';

/** Loads an engine; throws when this machine does not have it. */
export type EngineLoader = () => AesEngine;

/** All that there are. */
export const ENGINES: Readonly<Record<AesEngine['name'], EngineLoader>> = {
  libcrypto: loadLibcrypto,
  'node:crypto': loadNodeCrypto,
  '@noble/ciphers': loadNoble,
};

/** Loading Koffi takes as long as node:crypto takes to wrap about this many keys, one by one: 6 ms (measured). */
const KEYS_WORTH_LIBCRYPTO = 256;

let keysSoFar = 0;
let toWrapFew: AesEngine | undefined;
let toWrap: AesEngine | undefined;
let toUnwrap: AesEngine | undefined;
let imposed: AesEngine | undefined;

/** The engine to wrap `keys` keys with. Koffi is not loaded for it before so many keys have come that this pays. */
export function engineToWrap(keys: number): AesEngine {
  keysSoFar += keys;
  if (imposed !== undefined) return imposed;
  if (toWrap === undefined && toUnwrap === undefined && keysSoFar < KEYS_WORTH_LIBCRYPTO) {
    toWrapFew ??= chooseEngine([loadNodeCrypto, loadNoble]);
    return toWrapFew;
  }
  toWrap ??= chooseEngine([loadLibcrypto, loadNodeCrypto, loadNoble]);
  return toWrap;
}

/** The engine to unwrap with: not node:crypto, which leaves a block of what it decrypts behind. */
export function engineToUnwrap(): AesEngine {
  if (imposed !== undefined) return imposed;
  toUnwrap ??= chooseEngine([loadLibcrypto, loadNoble]);
  return toUnwrap;
}

/** Calls `use` with `engine` as the engine of everything in this folder: for the selftest, which tries them all. */
export function withEngine<T>(engine: AesEngine, use: () => T): T {
  imposed = engine;
  try {
    return use();
  } finally {
    imposed = undefined;
  }
}

/**
 * The first of `loaders` that loads and computes the known answers. Throws NO_LIBRARY when none can be used here,
 * SELFTEST_FAILED when one can, and computes something else.
 */
export function chooseEngine(loaders: readonly EngineLoader[]): AesEngine {
  let isWrong = false;
  for (const load of loaders) {
    const candidate = tryEngine(load);
    if (candidate?.isRight) return candidate.engine;
    isWrong ||= candidate !== undefined;
  }
  if (isWrong) throw new DekError('SELFTEST_FAILED', 'no AES engine of this machine computes the known answers');
  throw new DekError('NO_LIBRARY', 'no AES engine can be used: neither libcrypto, by Koffi, nor @noble/ciphers', {
    hint: 'install dek again, with its dependencies; dek selftest tells which engines there are',
  });
}

/** The engine, if it loads and computes anything at all, and whether that is right; undefined where it is missing. */
export function tryEngine(load: EngineLoader): {engine: AesEngine; isRight: boolean} | undefined {
  try {
    const engine = load();
    return {engine, isRight: computesKnownAnswers(engine)};
  } catch {
    return undefined;
  }
}

/** FIPS 197, appendices C.1 and C.3: the plaintext, and what AES-128 and AES-256 make of it; the key is 00 01 02 ... */
const PLAINTEXT = '00112233445566778899aabbccddeeff';
const CIPHERTEXTS = {16: '69c4e0d86a7b0430d8cdb78070b4c55a', 32: '8ea2b7ca516745bfeafc49904b496089'};
/** Fast code does eight blocks or sixteen at a time and the rest otherwise: both are asked. */
const PROBE_BLOCKS = 16 + 8 + 3;

/** Whether `engine` encrypts and decrypts as FIPS 197 says, with keys of both sizes. */
export function computesKnownAnswers(engine: AesEngine): boolean {
  const plaintext = fromHex(PLAINTEXT.repeat(PROBE_BLOCKS), 'probe');
  return Object.entries(CIPHERTEXTS).every(([keyBytes, hex]) => {
    const key = Uint8Array.from({length: Number(keyBytes)}, (_, i) => i);
    const ciphertext = fromHex(hex.repeat(PROBE_BLOCKS), 'probe');
    const blocks = secretBytes(plaintext.length);
    blocks.set(plaintext);
    engine.encrypt(key, (encryptBlocks) => encryptBlocks(blocks));
    const encrypts = equalBytes(blocks, ciphertext);
    engine.decrypt(key, (decryptBlocks) => decryptBlocks(blocks));
    return encrypts && equalBytes(blocks, plaintext);
  });
}
