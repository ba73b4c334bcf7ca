/**
 * The data types of the SSH protocol that keys and signatures are made of: RFC 4251 section 5. Whatever comes from
 * outside is read with a `WireReader`, which never looks beyond its bytes.
 */
import {DekError} from '../../errors.js';

/** Reads one value after the other. Throws BAD_INPUT where the bytes end too early, or go on. */
export class WireReader {
  readonly #bytes: Buffer;
  readonly #what: string;
  #at = 0;

  /** `what` is what messages call it. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    this.#what = what;
  }

  /** So many bytes, a view. */
  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw this.fault('is cut off');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  uint32(): number {
    return Buffer.from(this.take(4)).readUInt32BE();
  }

  /** Bytes behind their length, a view. */
  string(): Uint8Array {
    return this.take(this.uint32());
  }

  /** The same as text; printable ASCII only. */
  text(): string {
    const text = Buffer.from(this.string()).toString('latin1');
    if (/^[\x20-\x7e]*$/.test(text)) return text;
    throw this.fault('has a name that is no text');
  }

  /** A positive integer without its leading zero, a view. */
  integer(): Uint8Array {
    const bytes = this.string();
    if (bytes.length === 0 || bytes[0]! >= 0x80) throw this.fault('has an integer that is not positive');
    if (bytes[0] !== 0) return bytes;
    if (bytes.length > 1 && bytes[1]! >= 0x80) return bytes.subarray(1);
    throw this.fault('has an integer that is not in its shortest form');
  }

  /** How many bytes are left. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  /** To be called when all has been read. */
  end(): void {
    if (this.left > 0) throw this.fault('has more in it than it should');
  }

  fault(is: string): DekError<'BAD_INPUT'> {
    return new DekError('BAD_INPUT', `${this.#what} ${is}`);
  }
}

/** Bytes, or text in ASCII, behind their length. */
export function wireString(value: Uint8Array | string): Buffer {
  const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A positive integer, given big-endian. */
export function wireInteger(bytes: Uint8Array): Buffer {
  let from = 0;
  while (from < bytes.length - 1 && bytes[from] === 0) from++;
  const digits = bytes.subarray(from);
  return wireString(digits[0]! >= 0x80 ? Buffer.concat([Buffer.alloc(1), digits]) : digits);
}
