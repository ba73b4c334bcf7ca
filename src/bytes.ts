/**
 * Bytes: assertions with titles, hex, buffers for secrets. Values never appear in a message, only their type and
 * length.
 */
import {types} from 'node:util';
import {DekError} from './errors.js';

/** Lengths from `min` to `max`, both included, that are a multiple of `step`. */
export interface LengthRange {
  readonly min: number;
  readonly max: number;
  readonly step: number;
}

/** What the engine knows of a view, whatever properties of these names the object or its class may have. */
const {
  length: trueLength,
  byteOffset: trueOffset,
  buffer: trueBuffer,
} = Object.getOwnPropertyDescriptors(Object.getPrototypeOf(Uint8Array.prototype)) as Record<
  'length' | 'byteOffset' | 'buffer',
  {get: () => never}
>;

/**
 * A plain Uint8Array over the memory of `value`, to be used in its place: `value` itself may be of a class, or have
 * properties, that give another length at each look. Nothing is copied; no code of the caller runs. Throws BAD_ARGUMENT
 * unless `value` is a genuine Uint8Array of one of `lengths` bytes in memory of this thread only. `title` names it
 * there.
 */
export function viewBytes(value: unknown, lengths: readonly number[] | LengthRange, title: string): Uint8Array {
  if (!types.isUint8Array(value)) throw unexpected(title, lengths, `type=${value === null ? 'null' : typeof value}`);
  const length: number = trueLength.get.call(value);
  if (!allows(lengths, length)) throw unexpected(title, lengths, `length=${length}`);
  const buffer: ArrayBufferLike = trueBuffer.get.call(value);
  if (types.isSharedArrayBuffer(buffer)) {
    throw new DekError('BAD_ARGUMENT', `"${title}" lies in shared memory, where another thread can change it`, {
      hint: 'pass a copy: new Uint8Array(view)',
    });
  }
  // The buffer may be detached, and then there is nothing to look at.
  return length === 0 ? new Uint8Array(0) : new Uint8Array(buffer, trueOffset.get.call(value), length);
}

function allows(lengths: readonly number[] | LengthRange, length: number): boolean {
  if (!('step' in lengths)) return lengths.includes(length);
  return length >= lengths.min && length <= lengths.max && length % lengths.step === 0;
}

function unexpected(title: string, lengths: readonly number[] | LengthRange, got: string): DekError {
  return new DekError('BAD_ARGUMENT', `"${title}" expected Uint8Array of ${lengthText(lengths)}, got ${got}`);
}

function lengthText(lengths: readonly number[] | LengthRange): string {
  if (!('step' in lengths)) return `length ${orList(lengths)}`;
  return `${lengths.min} to ${lengths.max} bytes${lengths.step === 1 ? '' : `, a multiple of ${lengths.step}`}`;
}

/** Throws BAD_ARGUMENT unless `value` is an integer between `min` and `max`, both included. */
export function assertInteger(value: unknown, min: number, max: number, title: string): asserts value is number {
  if (Number.isInteger(value) && (value as number) >= min && (value as number) <= max) return;
  const got = typeof value === 'number' ? `${value}` : `type=${value === null ? 'null' : typeof value}`;
  throw new DekError('BAD_ARGUMENT', `"${title}" expected integer from ${min} to ${max}, got ${got}`);
}

/** "16", "16 or 32", "40, 48, 72 or 80". */
export function orList(items: readonly (number | string)[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} or ${items.at(-1)}`;
}

/** `1 host`, `3 hosts`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/**
 * A zeroed buffer for a secret, outside V8's heap: V8 keeps typed arrays of up to 64 bytes inside its heap, where the
 * garbage collector copies them, and a copy cannot be wiped. The caller wipes it with `wipe`. In a process of ours that
 * handles secrets it is locked, memory/protect.ts.
 */
export function secretBytes(length: number): Uint8Array {
  return allocate(length);
}

/**
 * From now on `secretBytes` gives what `allocator` gives: zeroed bytes outside V8's heap. `keepScratch` is called with
 * the buffers of `scratchBytes`, those that there are and those to come.
 */
export function giveSecretBytes(
  allocator: (length: number) => Uint8Array,
  keepScratch: (scratch: Uint8Array) => void,
): void {
  allocate = allocator;
  keep = keepScratch;
  for (const bytes of scratch) keep(bytes);
}

let allocate = ordinaryBytes;
let keep: (scratch: Uint8Array) => void = () => {};

/** Zeroed bytes outside V8's heap, and no more. */
export function ordinaryBytes(length: number): Uint8Array {
  return new Uint8Array(new ArrayBuffer(length));
}

const scratch: Uint8Array[] = [];

/** A zeroed buffer through which secrets pass, for the life of the process. */
export function scratchBytes(length: number): Uint8Array {
  const bytes = ordinaryBytes(length);
  scratch.push(bytes);
  keep(bytes);
  return bytes;
}

/** A copy of a secret in such a buffer. */
export function secretCopy(bytes: Uint8Array): Uint8Array {
  const copy = secretBytes(bytes.length);
  copy.set(bytes);
  return copy;
}

/** The items of `size` bytes at these positions, one after the other, in such a buffer. */
export function gather(bytes: Uint8Array, size: number, positions: readonly number[]): Uint8Array {
  const gathered = secretBytes(positions.length * size);
  for (const [k, i] of positions.entries()) gathered.set(bytes.subarray(i * size, (i + 1) * size), k * size);
  return gathered;
}

/**
 * Overwrites buffers with zeros. What JavaScript cannot promise: copies made by others (strings, the kernel) remain.
 */
export function wipe(...buffers: readonly (Uint8Array | undefined)[]): void {
  for (const buffer of buffers) buffer?.fill(0);
}

/** The same memory, to be read and written in words at any offset. */
export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** Compares without an early exit, so that the time tells nothing of where two secrets differ. Lengths are public. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let i = 0; i < a.length; i++) difference |= a[i]! ^ b[i]!;
  return difference === 0;
}

/** Lower-case hex. The result is a string, which cannot be wiped: not for secrets. */
export function toHex(bytes: Uint8Array): string {
  if (bytes.length === 0) return '';
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex');
}

/**
 * The bytes of a hex string, with or without 0x. Throws BAD_ARGUMENT when it is not whole bytes of hex; not for
 * secrets.
 */
export function fromHex(hex: string, title: string): Uint8Array {
  const [, digits] = /^(?:0x)?((?:[0-9a-f]{2})*)$/i.exec(hex) ?? [];
  if (digits === undefined) throw new DekError('BAD_ARGUMENT', `"${title}" expected an even number of hex digits`);
  return new Uint8Array(Buffer.from(digits, 'hex'));
}

/**
 * `text` as a message may repeat it: not when it may be a key that somebody typed in a wrong place, 16 bytes or more
 * in hex or base64. What has no capitals, or nothing else, is no base64 of a random key.
 */
export function hideKey(text: string): string {
  const isHex = /^(0x)?[0-9a-f]{32,}$/i.test(text);
  const isBase64 =
    /^([0-9A-Za-z+/_-]{22}|[0-9A-Za-z+/_-]{32,})={0,2}$/.test(text) && /[a-z]/.test(text) && /[A-Z]/.test(text);
  return isHex || isBase64 ? `(${text.length} characters, not shown: they may be a key)` : text;
}
