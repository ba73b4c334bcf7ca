/**
 * Frames of a replay-protected memory block (RPMB): JESD84-B51 section 6.6.22, as UFS and NVMe have them too. A frame
 * has 512 bytes; its numbers are big-endian:
 *
 *     stuff 0 (196) | MAC 196 (32) | data 228 (256) | nonce 484 (16) | write counter 500 (4) | address 504 (2) |
 *     block count 506 (2) | result 508 (2) | request or response 510 (2)
 *
 * The MAC is HMAC-SHA256 over bytes 228 to 511 of all frames of a message, and stands in the last of them.
 */
import {createHmac, timingSafeEqual} from 'node:crypto';
import {viewOf} from '../bytes.js';

export const FRAME_BYTES = 512;
export const BLOCK_BYTES = 256;
export const KEY_BYTES = 32;
export const NONCE_BYTES = 16;

const MAC = 196;
const MAC_BYTES = 32;
const DATA = 228;
const NONCE = 484;
const COUNTER = 500;
const ADDRESS = 504;
const COUNT = 506;
const RESULT = 508;
const TYPE = 510;

/** What a frame asks for. The answer has the same number in the byte before. */
export const REQUESTS = {programKey: 1, writeCount: 2, write: 3, read: 4, result: 5} as const;

/** What a frame holds, without its MAC. */
export interface Frame {
  /** 256 bytes. */
  readonly data: Uint8Array;
  /** 16 bytes. */
  readonly nonce: Uint8Array;
  readonly counter: number;
  /** In blocks of 256 bytes. */
  readonly address: number;
  /** Of a write: blocks. */
  readonly count: number;
  /** 0: it was done; the highest bit of its low byte says that the write counter has expired. */
  readonly result: number;
  /** Of a request; of an answer 256 times as much. */
  readonly type: number;
}

/** Without those that are zero. */
export type FrameFields = Partial<Frame> & Pick<Frame, 'type'>;

/** The bytes of these frames, one after the other; with `key` the MAC of all is in the last. */
export function encodeFrames(frames: readonly FrameFields[], key?: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(frames.length * FRAME_BYTES);
  for (const [i, frame] of frames.entries()) {
    const at = i * FRAME_BYTES;
    const view = viewOf(bytes.subarray(at, at + FRAME_BYTES));
    if (frame.data) bytes.set(frame.data, at + DATA);
    if (frame.nonce) bytes.set(frame.nonce, at + NONCE);
    view.setUint32(COUNTER, frame.counter ?? 0);
    view.setUint16(ADDRESS, frame.address ?? 0);
    view.setUint16(COUNT, frame.count ?? 0);
    view.setUint16(RESULT, frame.result ?? 0);
    view.setUint16(TYPE, frame.type);
  }
  if (key) bytes.set(macOf(bytes, key), bytes.length - FRAME_BYTES + MAC);
  return bytes;
}

/** The frame that programs `key`, which stands where the MAC would. The caller wipes it. */
export function programFrame(key: Uint8Array, frame: Uint8Array): void {
  frame.set(key, MAC);
  viewOf(frame).setUint16(TYPE, REQUESTS.programKey);
}

/** What frame number `index` of these bytes holds. */
export function decodeFrame(bytes: Uint8Array, index = 0): Frame {
  const frame = bytes.subarray(index * FRAME_BYTES, (index + 1) * FRAME_BYTES);
  const view = viewOf(frame);
  return {
    data: frame.slice(DATA, DATA + BLOCK_BYTES),
    nonce: frame.slice(NONCE, NONCE + NONCE_BYTES),
    counter: view.getUint32(COUNTER),
    address: view.getUint16(ADDRESS),
    count: view.getUint16(COUNT),
    result: view.getUint16(RESULT),
    type: view.getUint16(TYPE),
  };
}

/** Whether the MAC in the last of these frames is that of all of them under `key`. */
export function hasMac(bytes: Uint8Array, key: Uint8Array): boolean {
  const last = bytes.length - FRAME_BYTES + MAC;
  return timingSafeEqual(bytes.subarray(last, last + MAC_BYTES), macOf(bytes, key));
}

function macOf(bytes: Uint8Array, key: Uint8Array): Uint8Array {
  const hmac = createHmac('sha256', key);
  for (let at = 0; at < bytes.length; at += FRAME_BYTES) hmac.update(bytes.subarray(at + DATA, at + FRAME_BYTES));
  return hmac.digest();
}
