/** Raw DEKs of one layout, one after the other, from a stream to a stream. */
import {wipe} from '../bytes.js';
import {wrappedBytes} from '../dek-layout.js';
import {DekError} from '../errors.js';
import type {Crew} from './jobs/crew.js';
import type {PlainKeys} from './jobs/raw-jobs.js';
import type {BadKey} from './plaintexts.js';
import type {OnProgress} from './progress.js';

/** Is told of a DEK, such as `DEK 7, at byte 560`, that is whole, but key1 equals key2. */
export type OnEqual = (dek: string) => void;

/**
 * Wraps the DEKs that `keys` gives, many at a time and each whole, and wipes them; `onValues` is given their check
 * values, 16 bytes each. Throws what `keys` throws; EQUAL_KEYS or WRONG_KEY, with the position of the first that has
 * key1 == key2 or another check value than it must have, after the wrapped ones before it.
 */
export async function* wrapStream(
  crew: Crew,
  keys: AsyncIterable<PlainKeys>,
  {plaintextBytes, onValues}: {plaintextBytes: number; onValues?: ((dcv: Uint8Array) => void) | undefined},
  onProgress: OnProgress,
): AsyncGenerator<Uint8Array, void> {
  let deks = 0;
  const inputs = inputsOf(keys, {plaintextBytes, dcv: onValues !== undefined});
  for await (const {bytes, count, bad, dcv} of crew.map('wrapRaw', inputs)) {
    assertGoodKeys(bad, deks, plaintextBytes);
    deks += count;
    onValues?.(dcv);
    yield bytes;
    await onProgress(deks);
  }
}

/**
 * The reverse; without `reveal` what is yielded is empty. What is yielded is wiped when the next is asked for.
 * `onEqual` is told of each that is whole, but key1 equals key2. Throws UNWRAP_FAILED too.
 */
export async function* unwrapStream(
  crew: Crew,
  keys: AsyncIterable<Uint8Array>,
  {plaintextBytes, reveal, onEqual}: {plaintextBytes: number; reveal: boolean; onEqual: OnEqual},
  onProgress: OnProgress,
): AsyncGenerator<Uint8Array, void> {
  let deks = 0;
  for await (const {bytes, count, bad, equal} of crew.map(
    'unwrapRaw',
    inputsOf(bytesIn(keys), {plaintextBytes, reveal}),
  )) {
    try {
      const eachBytes = wrappedBytes(plaintextBytes);
      assertGoodKeys(bad, deks, eachBytes);
      for (const position of equal) onEqual(describeDek(deks + position, eachBytes));
      deks += count;
      yield bytes;
    } finally {
      wipe(bytes);
    }
    await onProgress(deks);
  }
}

async function* inputsOf<K extends object, T extends object>(
  keys: AsyncIterable<K>,
  more: T,
): AsyncGenerator<T & K, void> {
  for await (const some of keys) yield {...more, ...some};
}

async function* bytesIn(keys: AsyncIterable<Uint8Array>): AsyncGenerator<{bytes: Uint8Array}, void> {
  for await (const bytes of keys) yield {bytes};
}

/** Throws for the first of these, which come after `before` others of `eachBytes` bytes each. */
export function assertGoodKeys([bad]: readonly BadKey[], before: number, eachBytes: number): void {
  if (!bad) return;
  const message = `${describeDek(before + bad.position, eachBytes)}: ${bad.message}`;
  throw new DekError(bad.code, message, {hint: bad.hint});
}

function describeDek(position: number, eachBytes: number): string {
  return `DEK ${position}, at byte ${position * eachBytes}`;
}
