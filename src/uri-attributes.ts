/** The attributes of a URI, `NAME=VALUE` with a separator between them, and its %: RFC 3986 section 2.1. */
import {orList} from './bytes.js';
import type {DekError} from './errors.js';

/** Makes the error for what is wrong with a URI. */
export type Wrong = (what: string) => DekError<'BAD_ARGUMENT'>;

/** The attributes in `text`, as they are written there: each of these names once at most. Throws what `wrong` makes. */
export function attributesIn<Name extends string>(
  text: string,
  separator: string,
  names: readonly Name[],
  wrong: Wrong,
): Map<Name, string> {
  const found = new Map<Name, string>();
  for (const part of text.split(separator).filter((one) => one !== '')) {
    const at = part.indexOf('=');
    const written = part.slice(0, Math.max(at, 0));
    const name = names.find((one) => one === written);
    if (name === undefined) throw wrong(`has an attribute that is not known here; there are ${orList(names)}`);
    if (found.has(name)) throw wrong(`has ${name} twice`);
    found.set(name, part.slice(at + 1));
  }
  return found;
}

/** The bytes that `text` stands for. Throws what `wrong` makes. */
export function decodedBytes(text: string, wrong: Wrong): Uint8Array {
  if (!/^(?:[^%]|%[0-9a-f]{2})*$/i.test(text)) throw wrong('has a % that no two hex digits follow');
  const parts = text.split(/((?:%[0-9a-f]{2})+)/i);
  return Buffer.concat(
    parts.map((part, i) => (i % 2 ? Buffer.from(part.replaceAll('%', ''), 'hex') : Buffer.from(part))),
  );
}

/** The text that `text` stands for. Throws what `wrong` makes. */
export function decoded(text: string, wrong: Wrong): string {
  const bytes = decodedBytes(text, wrong);
  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(bytes);
  } catch {
    throw wrong('stands for bytes that are no UTF-8');
  }
}
