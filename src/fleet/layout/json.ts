/** What the store holds as JSON is read with a doubt: others can write there, and another version of dek may have. */
import {DekError} from '../../errors.js';

/** An object with members of which nothing is known. */
export type Json = Readonly<Record<string, unknown>>;

/** Longer than anything that is written here. */
const MAX_BYTES = 2 ** 17;

export function jsonBytes(value: object): Uint8Array {
  return new Uint8Array(Buffer.from(JSON.stringify(value)));
}

/** The object in `bytes`, whose member `kind` is 1. Throws BAD_INPUT; `what` is what messages call it. */
export function parseJson(bytes: Uint8Array, kind: string, what: string): Json {
  const value = bytes.length > MAX_BYTES ? undefined : parsed(bytes);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw malformed(what, 'is not JSON');
  const json = value as Json;
  if (json[kind] === 1) return json;
  throw malformed(what, `expected "${kind}":1`);
}

function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}

export function malformed(what: string, why: string): DekError<'BAD_INPUT'> {
  return new DekError('BAD_INPUT', `${what} ${why}`, {hint: 'another version of dek, or another program, wrote it'});
}

/** Reads members of one object. Each throws BAD_INPUT. */
export class Members {
  readonly #json: Json;
  readonly #what: string;

  constructor(json: Json, what: string) {
    this.#json = json;
    this.#what = what;
  }

  /** An integer from 0 on. */
  count(name: string): number {
    const value = this.#json[name];
    if (Number.isSafeInteger(value) && (value as number) >= 0) return value as number;
    throw this.#wrong(name);
  }

  flag(name: string): boolean {
    const value = this.#json[name];
    if (typeof value === 'boolean') return value;
    throw this.#wrong(name);
  }

  /** Text that `pattern` takes. */
  text(name: string, pattern: RegExp): string {
    const value = this.#json[name];
    if (typeof value === 'string' && pattern.test(value)) return value;
    throw this.#wrong(name);
  }

  orNull(name: string, pattern: RegExp): string | null {
    return this.#json[name] === null ? null : this.text(name, pattern);
  }

  /** An object in it, or null. */
  object(name: string): Json | null {
    const value = this.#json[name];
    if (value === null || (typeof value === 'object' && !Array.isArray(value))) return value as Json | null;
    throw this.#wrong(name);
  }

  /** A list in it. */
  list(name: string): readonly unknown[] {
    const value = this.#json[name];
    if (Array.isArray(value)) return value;
    throw this.#wrong(name);
  }

  #wrong(name: string): DekError<'BAD_INPUT'> {
    return malformed(this.#what, `has no good "${name}"`);
  }
}

export const HEX_32_BYTES = /^[0-9a-f]{64}$/;
export const HEX_16_BYTES = /^[0-9a-f]{32}$/;
export const HEX_5_BYTES = /^[0-9a-f]{10}$/;
/** One line for people. */
export const LINE = /^[^\p{Cc}]{0,500}$/u;
