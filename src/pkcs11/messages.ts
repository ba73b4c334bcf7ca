/**
 * What a token's process is asked, and how requests and answers stand on the socket between: a length (32 bits,
 * little-endian), a byte, and so many bytes. The byte of a request is its number; that of an answer 0, or 1 for an
 * error in JSON. Keys and PINs are bytes, in buffers that are wiped, and never in JSON.
 */
import {secretBytes, viewOf} from '../bytes.js';
import {DekError, type DekErrorCode, errorJson, isDekErrorCode} from '../errors.js';
import type {TokenQuery} from './uri.js';

/** Requests by their number. */
export const REQUEST = {
  /** JSON `Open`; answer: JSON `TokenInfo`. */
  open: 0,
  /** The PIN; no answer but that it is done. */
  login: 1,
  /** JSON `KeyQuery`; answer: JSON `KeyInfo`. Keys are numbered in the order in which they were asked for. */
  find: 2,
  /** The arguments `key, in lanes` and plaintexts; answer: wrapped keys. */
  wrap: 3,
  /** `key, in lanes` and wrapped keys; answer: how many failed, which, and plaintexts. */
  unwrap: 4,
  /** `from, to` and wrapped keys; answer: as unwrap, but wrapped. */
  rewrap: 5,
  /** `key, count`; answer: wrapped keys. */
  generate: 6,
  /** `key` and a message; answer: 16 bytes. */
  cmac: 7,
} as const;

export type RequestName = keyof typeof REQUEST;

/** The first request. */
export interface Open {
  readonly modulePath: string;
  readonly token: TokenQuery;
}

/** What a request about keys begins with: two numbers of 32 bits and the bytes of a plaintext key. */
export interface KeyArguments {
  readonly first: number;
  readonly second: number;
  readonly plaintextBytes: number;
}

export const FRAME_BYTES = 5;
export const ARGUMENT_BYTES = 12;
/** More than either side has to say at once. */
export const MAX_BYTES = 4 * 2 ** 20;

/** A frame with room for `parts`, which are copied into it; wipe it if they are secret. */
export function frameOf(byte: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const frame = secretBytes(FRAME_BYTES + length);
  viewOf(frame).setUint32(0, length, true);
  frame[4] = byte;
  let at = FRAME_BYTES;
  for (const part of parts) {
    frame.set(part, at);
    at += part.length;
  }
  return frame;
}

/** The length and the byte at the start of a frame. */
export function parseFrame(start: Uint8Array): {length: number; byte: number} {
  return {length: viewOf(start).getUint32(0, true), byte: start[4]!};
}

export function argumentsOf({first, second, plaintextBytes}: KeyArguments): Uint8Array {
  const bytes = new Uint8Array(ARGUMENT_BYTES);
  const view = viewOf(bytes);
  view.setUint32(0, first, true);
  view.setUint32(4, second, true);
  view.setUint32(8, plaintextBytes, true);
  return bytes;
}

export function parseArguments(payload: Uint8Array): KeyArguments {
  const view = viewOf(payload);
  return {first: view.getUint32(0, true), second: view.getUint32(4, true), plaintextBytes: view.getUint32(8, true)};
}

/** How many failed and which, in front of the keys. */
export function failuresOf(failed: readonly number[]): Uint8Array {
  const words = Uint32Array.of(failed.length, ...failed);
  return new Uint8Array(words.buffer);
}

export function jsonBytes(value: unknown): Uint8Array {
  return Buffer.from(JSON.stringify(value));
}

export function parseJson<T>(bytes: Uint8Array): T {
  return JSON.parse(Buffer.from(bytes).toString()) as T;
}

/** An error as an answer, and back. */
export function errorBytes(error: unknown): Uint8Array {
  const known = error instanceof DekError ? error : new DekError('INTERNAL', `${error}`);
  return jsonBytes(errorJson(known));
}

export function parseError(bytes: Uint8Array): DekError {
  const {error} = parseJson<{error: {code: string; message: string; hint?: string; errno?: string}}>(bytes);
  const {code, message, hint, errno} = error;
  return new DekError<DekErrorCode>(isDekErrorCode(code) ? code : 'INTERNAL', message, {hint, errno});
}
