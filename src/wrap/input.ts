/** What the wrap engine accepts as bytes: stricter than `assertBytes`, because an unwrap must not be raced or spoofed. */
import {assertBytes} from '../bytes.js';
import {DekError} from '../errors.js';

/** Throws BAD_ARGUMENT unless `value` is a genuine Uint8Array of one of `lengths` bytes in memory of this thread only. */
export function assertInput(value: unknown, lengths: readonly number[], title: string): asserts value is Uint8Array {
  assertView(value, title);
  assertBytes(value, lengths, title);
}

/** The same for any multiple of `step` from `min` to `max` bytes, both included. */
export function assertInputRange(
  value: unknown,
  min: number,
  max: number,
  step: number,
  title: string,
): asserts value is Uint8Array {
  assertView(value, title);
  if (value.length >= min && value.length <= max && value.length % step === 0) return;
  const expected = `Uint8Array of ${min} to ${max} bytes, a multiple of ${step}`;
  throw new DekError('BAD_ARGUMENT', `"${title}" expected ${expected}, got length=${value.length}`);
}

/** The length as the engine sees it; a subclass can have another one. */
const trueLength = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(Uint8Array.prototype), 'length')!.get!;

function assertView(value: unknown, title: string): asserts value is Uint8Array {
  // An object that merely inherits from Uint8Array.prototype, or a Proxy of one, passes instanceof and is no view.
  if (!ArrayBuffer.isView(value) || !(value instanceof Uint8Array) || trueLength.call(value) !== value.length) {
    const type = ArrayBuffer.isView(value) ? Object.prototype.toString.call(value).slice(8, -1) : typeof value;
    throw new DekError('BAD_ARGUMENT', `"${title}" expected Uint8Array, got type=${type}`);
  }
  if (value.buffer instanceof SharedArrayBuffer) {
    throw new DekError('BAD_ARGUMENT', `"${title}" lies in shared memory, where another thread can change it`, {
      hint: 'pass a copy: new Uint8Array(view)',
    });
  }
}
