/**
 * Many keys of one size under one KEK: lane.ts says how. This file checks what the caller gives, cuts it into lanes,
 * and keeps the bytes of keys that failed their check from leaving.
 */
import {secretBytes, viewBytes, wipe} from '../bytes.js';
import {KEK_BYTES, SEMIBLOCK_BYTES, wrappedBytes} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {given} from '../given.js';
import type {AesEngine} from './aes/cipher.js';
import {engineToUnwrap, engineToWrap} from './aes/engine.js';
import {adviseLargePages} from './aes/ffi.js';
import {MAX_PLAINTEXT_BYTES, MIN_PLAINTEXT_BYTES, wrapKey} from './kw.js';
import {Lane, laneKeys} from './lane.js';

/** The most bytes in one call: 1 GiB, which is below the largest buffer of every Node that we run on. */
const MAX_TOTAL_BYTES = 2 ** 30;

/** From here on a result fills several of the large pages of x86-64 and arm64, which have 2 MiB. */
const LARGE_BYTES = 2 ** 23;

/**
 * Wraps many keys of one length. Like `wrapKey` it does not look at what it wraps: an equal key1 and key2 are not
 * noticed.
 * @param kek - the import KEK, 16 or 32 bytes
 * @param plaintexts - the keys, one after the other, 1 GiB at most when wrapped
 * @param plaintextBytes - bytes of a key before it is wrapped: 16 to 4096, a multiple of 8
 * @returns the wrapped keys in the same order, 8 bytes longer each
 * @throws DekError: BAD_ARGUMENT
 */
export function wrapKeys(kek: Uint8Array, plaintexts: Uint8Array, plaintextBytes: number): Uint8Array {
  assertKeyLength(plaintextBytes);
  const kekBytes = viewBytes(kek, KEK_BYTES, 'kek');
  const input = viewBytes(plaintexts, {min: 0, max: MAX_TOTAL_BYTES, step: plaintextBytes}, 'plaintexts');
  const count = input.length / plaintextBytes;
  if (count === 1) return wrapKey(kekBytes, input); // the same, without the cost of a lane
  const engine = engineToWrap(count);
  const output = resultBytes(count * wrappedBytes(plaintextBytes), engine);
  engine.encrypt(kekBytes, (encryptBlocks) => {
    inLanes(input, output, count, plaintextBytes, (lane, from, to) => {
      lane.readPlaintexts(from);
      lane.wrap(encryptBlocks);
      lane.writeWrapped(to);
    });
  });
  return output;
}

/**
 * The reverse of `wrapKeys`.
 * @param kek - the import KEK, 16 or 32 bytes
 * @param wrapped - the wrapped keys, one after the other, `plaintextBytes` + 8 bytes each
 * @param plaintextBytes - bytes of a key before it is wrapped: 16 to 4096, a multiple of 8
 * @param failed - the positions, counted from 0, of keys that fail their check are added to it, and their bytes in the
 *   result are zero; without it one such key fails all
 * @returns the keys in the same order, in a buffer that the caller wipes
 * @throws DekError: BAD_ARGUMENT; UNWRAP_FAILED, which names the first key that fails, when `failed` is left out
 */
export function unwrapKeys(
  kek: Uint8Array,
  wrapped: Uint8Array,
  plaintextBytes: number,
  failed?: number[],
): Uint8Array {
  assertKeyLength(plaintextBytes);
  assertList(failed);
  const kekBytes = viewBytes(kek, KEK_BYTES, 'kek');
  const eachBytes = wrappedBytes(plaintextBytes);
  const input = viewBytes(wrapped, {min: 0, max: MAX_TOTAL_BYTES, step: eachBytes}, 'wrapped');
  const count = input.length / eachBytes;
  const engine = engineToUnwrap();
  const output = resultBytes(count * plaintextBytes, engine);
  try {
    const positions: number[] = [];
    engine.decrypt(kekBytes, (decryptBlocks) => {
      inLanes(input, output, count, plaintextBytes, (lane, from, to, first) => {
        lane.readWrapped(from);
        lane.unwrap(decryptBlocks, (position) => positions.push(first + position));
        lane.writePlaintexts(to);
      });
    });
    withhold(output, plaintextBytes, positions, failed);
    return output;
  } catch (error) {
    wipe(output);
    throw error;
  }
}

/**
 * Takes keys from one import KEK to another: the plaintext is nowhere but in scratch that is wiped.
 * @param from - the KEK that they are wrapped by, 16 or 32 bytes
 * @param to - the KEK to wrap them by, 16 or 32 bytes
 * @param wrapped - the wrapped keys, one after the other, `plaintextBytes` + 8 bytes each
 * @param plaintextBytes - bytes of a key before it is wrapped: 16 to 4096, a multiple of 8
 * @param failed - the positions, counted from 0, of keys that fail their check are added to it, and their bytes in the
 *   result are zero; without it one such key fails all
 * @returns the keys wrapped by `to`, in the same order
 * @throws DekError: BAD_ARGUMENT; UNWRAP_FAILED, which names the first key that fails, when `failed` is left out
 */
export function rewrapKeys(
  from: Uint8Array,
  to: Uint8Array,
  wrapped: Uint8Array,
  plaintextBytes: number,
  failed?: number[],
): Uint8Array {
  assertKeyLength(plaintextBytes);
  assertList(failed);
  const fromBytes = viewBytes(from, KEK_BYTES, 'from');
  const toBytes = viewBytes(to, KEK_BYTES, 'to');
  const eachBytes = wrappedBytes(plaintextBytes);
  const input = viewBytes(wrapped, {min: 0, max: MAX_TOTAL_BYTES, step: eachBytes}, 'wrapped');
  const count = input.length / eachBytes;
  const engine = engineToUnwrap();
  const output = resultBytes(input.length, engine);
  const positions: number[] = [];
  engine.decrypt(fromBytes, (decryptBlocks) =>
    engineToWrap(count).encrypt(toBytes, (encryptBlocks) => {
      inLanes(input, output, count, plaintextBytes, (lane, source, target, first) => {
        lane.readWrapped(source);
        lane.unwrap(decryptBlocks, (position) => positions.push(first + position));
        lane.wrap(encryptBlocks);
        lane.writeWrapped(target);
      });
    }),
  );
  withhold(output, eachBytes, positions, failed);
  return output;
}

/** The buffer of a result, in large pages where it is large and Koffi is loaded anyway. */
function resultBytes(length: number, {name}: AesEngine): Uint8Array {
  const bytes = secretBytes(length);
  if (length >= LARGE_BYTES && name === 'libcrypto') adviseLargePages(bytes);
  return bytes;
}

/** Calls `use` for lane after lane with its part of `input` and of `output`, and the position of its first key. */
function inLanes(
  input: Uint8Array,
  output: Uint8Array,
  count: number,
  plaintextBytes: number,
  use: (lane: Lane, input: Uint8Array, output: Uint8Array, first: number) => void,
): void {
  const n = plaintextBytes / SEMIBLOCK_BYTES;
  const [inputBytes, outputBytes] = [input.length / count, output.length / count];
  let lane: Lane | undefined;
  let largest: Lane | undefined;
  try {
    for (let first = 0; first < count; first += lane.count) {
      const end = Math.min(first + laneKeys(n), count);
      if (lane?.count !== end - first) lane = new Lane(end - first, n);
      largest ??= lane;
      const [source, target] = [
        input.subarray(first * inputBytes, end * inputBytes),
        output.subarray(first * outputBytes, end * outputBytes),
      ];
      use(lane, source, target, first);
    }
  } finally {
    largest?.wipe();
  }
}

/** Puts zeros in `output` for the keys that failed and adds them to `failed`; throws if nobody asks which they are. */
function withhold(output: Uint8Array, eachBytes: number, positions: readonly number[], failed?: number[]): void {
  if (positions.length > 0 && failed === undefined) {
    const others = positions.length === 1 ? '' : `, and for ${positions.length - 1} more`;
    throw new DekError('UNWRAP_FAILED', `integrity check failed for key ${positions[0]}${others}`, {
      hint: 'keys are counted from 0; none was returned',
    });
  }
  for (const position of positions) {
    wipe(output.subarray(position * eachBytes, (position + 1) * eachBytes));
    failed?.push(position);
  }
}

function assertList(failed: unknown): void {
  if (failed === undefined || given('failed', 'an array', () => Array.isArray(failed))) return;
  throw new DekError('BAD_ARGUMENT', `"failed" expected an array, got ${typeof failed}`);
}

function assertKeyLength(bytes: unknown): asserts bytes is number {
  const is = typeof bytes === 'number' && bytes % SEMIBLOCK_BYTES === 0;
  if (is && bytes >= MIN_PLAINTEXT_BYTES && bytes <= MAX_PLAINTEXT_BYTES) return;
  const expected = `a multiple of 8 from ${MIN_PLAINTEXT_BYTES} to ${MAX_PLAINTEXT_BYTES}`;
  throw new DekError(
    'BAD_ARGUMENT',
    `"plaintextBytes" expected ${expected}, got ${typeof bytes === 'number' ? bytes : typeof bytes}`,
  );
}
