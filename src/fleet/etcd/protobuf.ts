/**
 * Protocol Buffers, as far as etcd's messages need them: varints and bytes by field number. Left out: fixed-width
 * numbers, packed lists and negative integers, which none of those messages has. A number here is below 2^53.
 */
import {DekError} from '../../errors.js';

/** What a field may hold: a number or flag (varint), or bytes: text, or a message that was encoded. */
export type FieldValue = number | boolean | Uint8Array | undefined;

const VARINT = 0;
const BYTES = 2;
/** Bytes that a fixed-width field takes, by wire type: such are skipped. */
const FIXED: Readonly<Record<number, number>> = {1: 8, 5: 4};

/** A message of these fields. A number of 0, false and undefined are left out, as proto3 has it. */
export function encodeMessage(...fields: readonly (readonly [number: number, value: FieldValue])[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [number, value] of fields) {
    if (value === undefined || value === false || value === 0) continue;
    if (value instanceof Uint8Array) parts.push(varints(number * 8 + BYTES, value.length), value);
    else parts.push(varints(number * 8 + VARINT, Number(value)));
  }
  return new Uint8Array(Buffer.concat(parts));
}

function varints(...values: readonly number[]): Uint8Array {
  const bytes: number[] = [];
  for (let value of values) {
    for (; value >= 0x80; value = Math.floor(value / 0x80)) bytes.push((value % 0x80) | 0x80);
    bytes.push(value);
  }
  return Uint8Array.from(bytes);
}

/** A message that came, by field number. Bytes are views of it. */
export class Message {
  readonly #fields = new Map<number, (number | Uint8Array)[]>();

  /** Throws IO when it is cut off or no message. */
  constructor(bytes: Uint8Array) {
    const reader = new Reader(bytes);
    while (!reader.isAtEnd) {
      const tag = reader.varint();
      const [number, wireType] = [Math.floor(tag / 8), tag % 8];
      const fixed = FIXED[wireType];
      if (fixed !== undefined) reader.bytes(fixed);
      else if (wireType === VARINT) this.#add(number, reader.varint());
      else if (wireType === BYTES) this.#add(number, reader.bytes(reader.varint()));
      else throw malformed();
    }
  }

  /** 0 where it is not there. */
  number(field: number): number {
    const value = this.#fields.get(field)?.at(-1) ?? 0;
    if (typeof value === 'number') return value;
    throw malformed();
  }

  flag(field: number): boolean {
    return this.number(field) !== 0;
  }

  /** Empty where it is not there. */
  bytes(field: number): Uint8Array {
    return this.all(field).at(-1) ?? new Uint8Array();
  }

  text(field: number): string {
    return Buffer.from(this.bytes(field)).toString('utf8');
  }

  /** All that stand under this number. */
  all(field: number): Uint8Array[] {
    return (this.#fields.get(field) ?? []).map((value) => {
      if (value instanceof Uint8Array) return value;
      throw malformed();
    });
  }

  messages(field: number): Message[] {
    return this.all(field).map((bytes) => new Message(bytes));
  }

  #add(number: number, value: number | Uint8Array): void {
    const values = this.#fields.get(number);
    if (values) values.push(value);
    else this.#fields.set(number, [value]);
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** Beyond 2^53 it is not exact: of ids of members and clusters, which nobody looks at. */
  varint(): number {
    let value = 0;
    for (let scale = 1, i = 0; i < 10; scale *= 0x80, i++) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw malformed();
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    throw malformed();
  }

  bytes(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw malformed();
    const bytes = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return bytes;
  }
}

function malformed(): DekError<'IO'> {
  return new DekError('IO', 'what answers there does not speak as etcd does', {hint: 'check host and port'});
}
