/**
 * The five operations of the kernel's RPMB layer: program_key, get_capacity, get_write_count, write_blocks and
 * read_blocks. What comes back is believed only with the MAC of the key, and then with the nonce or the counter that
 * belongs to what was asked: an old answer, or another's, is neither.
 *
 * Assumed of the memory: it takes one block a write, as each does (REL_WR_SEC_C = 1); what it takes more is not used.
 * An eMMC counts the blocks of a read by the length of the transfer, so that the frame says 0.
 */
import {randomBytes} from 'node:crypto';
import {assertInteger, equalBytes, secretBytes, wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import {
  BLOCK_BYTES,
  decodeFrame,
  encodeFrames,
  FRAME_BYTES,
  type Frame,
  hasMac,
  NONCE_BYTES,
  programFrame,
  REQUESTS,
} from './frame.js';
import type {RpmbPort} from './port.js';
import {isExpired, RESULTS, refusal, resultOf, resultText} from './results.js';

/** The most blocks of a read: 32 KiB of frames, less than any host controller refuses. */
export const MAX_BLOCKS = 64;

export interface WriteCount {
  /** Writes that were done since the key was programmed; null: no key is programmed. */
  readonly count: number | null;
  /** It has reached its end: the memory can only be read. */
  readonly isExpired: boolean;
  /** The memory has shown that it has the key. */
  readonly isAuthentic: boolean;
}

/** In bytes. */
export function getCapacity({blocks}: RpmbPort): number {
  return blocks * BLOCK_BYTES;
}

/** Without `key` the answer may be anybody's. Throws UNWRAP_FAILED when it is not by this key. */
export function getWriteCount(port: RpmbPort, key?: Uint8Array): WriteCount {
  const nonce = new Uint8Array(randomBytes(NONCE_BYTES));
  const frames = encodeFrames([{type: REQUESTS.writeCount, nonce}]);
  const answer = port.exchange({frames, isWrite: false, answers: 1});
  const frame = decodeFrame(answer);
  assertAnswers(port, frame, REQUESTS.writeCount);
  // Without a key in the memory there is nothing that it could make a MAC with.
  if (resultOf(frame.result) === RESULTS.noKey) return {count: null, isExpired: false, isAuthentic: false};
  if (key) assertMac(port, answer, key, frame);
  assertNonce(port, frame, nonce);
  if (resultOf(frame.result) !== RESULTS.ok) throw refusal(port.name, 'to read the write counter', frame.result);
  return {count: frame.counter, isExpired: isExpired(frame.result), isAuthentic: key !== undefined};
}

/**
 * Programs the key, once and for ever. Throws EXISTS unless the memory says that it has none; IO when it does not have
 * this one afterwards.
 */
export function programKey(port: RpmbPort, key: Uint8Array): void {
  assertNoKey(port);
  const frames = secretBytes(FRAME_BYTES);
  try {
    programFrame(key, frames);
    const frame = decodeFrame(port.exchange({frames, isWrite: true, answers: 1}));
    assertAnswers(port, frame, REQUESTS.programKey);
    if (resultOf(frame.result) !== RESULTS.ok) throw refusal(port.name, 'to program the key', frame.result);
  } finally {
    wipe(frames);
  }
  if (!getWriteCount(port, key).isAuthentic) throw new DekError('IO', `${port.name} does not have the key now`);
}

/** Throws EXISTS unless the memory says that no key is programmed. */
export function assertNoKey(port: RpmbPort): void {
  if (getWriteCount(port).count === null) return;
  throw new DekError('EXISTS', `${port.name} has a key already, which can never be changed`, {
    hint: 'dek rpmb info --key SOURCE tells whether it is yours',
  });
}

/**
 * Writes `data`, whole blocks, from `address` on, block by block: after a failure those before are written. Returns the
 * write counter of then. Throws LIMIT when it has expired; what the memory refuses.
 */
export function writeBlocks(port: RpmbPort, key: Uint8Array, address: number, data: Uint8Array): number {
  assertRange(port, address, data.length / BLOCK_BYTES);
  let {count, isExpired: isOver} = getWriteCount(port, key);
  if (count === null) throw refusal(port.name, 'the write', RESULTS.noKey);
  for (let i = 0; i * BLOCK_BYTES < data.length; i++) {
    if (isOver) throw expired(port);
    const block = data.subarray(i * BLOCK_BYTES, (i + 1) * BLOCK_BYTES);
    const fields = {type: REQUESTS.write, data: block, counter: count, address: address + i, count: 1};
    const answer = port.exchange({frames: encodeFrames([fields], key), isWrite: true, answers: 1});
    const frame = decodeFrame(answer);
    assertAnswers(port, frame, REQUESTS.write);
    assertMac(port, answer, key, frame);
    if (resultOf(frame.result) !== RESULTS.ok) {
      // The counter of a refusal says nothing: some memories put 0 there.
      throw isExpired(frame.result)
        ? expired(port)
        : refusal(port.name, `the write of block ${address + i}`, frame.result);
    }
    if (frame.counter !== count + 1 || frame.address !== address + i) {
      throw lied(port, `of another write: counter ${frame.counter}, block ${frame.address}`);
    }
    count = frame.counter;
    isOver = isExpired(frame.result);
  }
  return count;
}

/** Reads so many blocks from `address` on. Throws UNWRAP_FAILED when the answer is not by this key. */
export function readBlocks(port: RpmbPort, key: Uint8Array, address: number, blocks: number): Uint8Array {
  assertRange(port, address, blocks);
  const data = new Uint8Array(blocks * BLOCK_BYTES);
  for (let first = 0; first < blocks; first += MAX_BLOCKS) {
    const some = Math.min(MAX_BLOCKS, blocks - first);
    data.set(readOnce(port, key, address + first, some), first * BLOCK_BYTES);
  }
  return data;
}

function readOnce(port: RpmbPort, key: Uint8Array, address: number, blocks: number): Uint8Array {
  const nonce = new Uint8Array(randomBytes(NONCE_BYTES));
  const frames = encodeFrames([{type: REQUESTS.read, nonce, address}]);
  const answer = port.exchange({frames, isWrite: false, answers: blocks});
  const all = Array.from({length: blocks}, (_, i) => decodeFrame(answer, i));
  const last = all.at(-1)!;
  assertAnswers(port, last, REQUESTS.read);
  if (resultOf(last.result) === RESULTS.noKey) throw refusal(port.name, 'the read', last.result);
  assertMac(port, answer, key, last);
  for (const frame of all) {
    assertAnswers(port, frame, REQUESTS.read);
    assertNonce(port, frame, nonce);
    if (resultOf(frame.result) !== RESULTS.ok) throw refusal(port.name, `the read of block ${address}`, frame.result);
    if (frame.address !== address) throw lied(port, `of a read of block ${frame.address}, not ${address}`);
  }
  const data = new Uint8Array(blocks * BLOCK_BYTES);
  for (const [i, frame] of all.entries()) data.set(frame.data, i * BLOCK_BYTES);
  return data;
}

function assertRange({name, blocks: there}: RpmbPort, address: number, blocks: number): void {
  assertInteger(address, 0, there - 1, 'address');
  assertInteger(blocks, 1, 2 ** 16, 'blocks');
  if (address + blocks <= there) return;
  throw new DekError('BAD_ARGUMENT', `${name} has ${there} blocks, not ${address + blocks}`);
}

function assertAnswers(port: RpmbPort, {type}: Frame, request: number): void {
  if (type !== request << 8) throw lied(port, `to request ${type >> 8}, not ${request}`);
}

function assertMac({name}: RpmbPort, answer: Uint8Array, key: Uint8Array, {result}: Frame): void {
  if (hasMac(answer, key)) return;
  const says = resultOf(result) === RESULTS.ok ? '' : `; it says: ${resultText(result)}`;
  throw new DekError('UNWRAP_FAILED', `the answer of ${name} is not signed with this key${says}`, {
    hint: 'the memory has another key, or something between it and this host has answered in its place',
  });
}

function assertNonce(port: RpmbPort, {nonce}: Frame, asked: Uint8Array): void {
  if (!equalBytes(nonce, asked)) throw lied(port, 'to an older question: its nonce is another');
}

function lied({name}: RpmbPort, what: string): DekError {
  return new DekError('UNWRAP_FAILED', `${name} gave the answer ${what}`, {
    hint: 'something between the memory and this host has replayed an answer',
  });
}

function expired({name}: RpmbPort): DekError {
  return new DekError('LIMIT', `the write counter of ${name} has expired: it can only be read from now on`);
}
