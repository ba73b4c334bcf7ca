/**
 * Each line of a manifest after the first, a DEK:
 *
 *     {"name":"vol-1","keySize":256,"keytag":true,"opaque":"766f6c2d31","wrapped":"BASE64"}
 *
 * `opaque` is left out when there is none. keySize and keytag follow from the length of what is wrapped; they stand
 * there for people and for grep, and are compared with it.
 */
import {fromHex, toHex, viewBytes} from '../bytes.js';
import {DEK_WRAPPED_BYTES, type KeySize, layoutOf, OPAQUE_LENGTHS} from '../dek-layout.js';
import {DEK_NAME, DEK_NAME_RULE} from '../dek-name.js';
import {decodeBase64, encodeBase64} from './base64.js';
import {fault} from './fault.js';
import {VERSION_MEMBER} from './header.js';
import {assertCanonical, type JsonObject, member, parseObject, shown} from './json-object.js';

/** A DEK of a manifest, to be written. */
export interface ManifestDek {
  name: string;
  keySize: KeySize;
  keytag: boolean;
  /** 0 to 8 bytes; the NIC fills them up with zeros. */
  opaque: Uint8Array;
  /** 40, 48, 72 or 80 bytes, as keySize and keytag say. */
  wrapped: Uint8Array;
}

/** A DEK of a manifest that was read. */
export interface ManifestEntry extends ManifestDek {
  /** The line that it stands in; the header is line 1. */
  line: number;
}

const MEMBERS = new Set(['name', 'keySize', 'keytag', 'opaque', 'wrapped']);
const NAME = new RegExp(DEK_NAME);
const OPAQUE = /^([0-9a-f]{2}){1,8}$/;

/** The DEK in line number `line`. Throws BAD_INPUT. */
export function parseEntry(text: string, line: number): ManifestEntry {
  const value = parseObject(text, line);
  if (value[VERSION_MEMBER] !== undefined) {
    throw fault(line, null, 'a second header', 'two manifests were joined: their headers cannot both hold');
  }
  const entry = {
    line,
    name: parseName(member(value, 'name', line), line),
    ...parseWrapped(value, line),
    opaque: parseOpaque(value['opaque'], line),
  };
  assertCanonical(value, text, line, MEMBERS);
  return entry;
}

/**
 * The line of a DEK, without a line feed: right if its values are, which is for a reader to say. Throws BAD_ARGUMENT.
 */
export function formatEntry({name, keySize, keytag, opaque, wrapped}: ManifestDek): string {
  opaque = viewBytes(opaque, OPAQUE_LENGTHS, 'opaque');
  wrapped = viewBytes(wrapped, DEK_WRAPPED_BYTES, 'wrapped');
  return JSON.stringify({
    name,
    keySize,
    keytag,
    ...(opaque.length === 0 ? {} : {opaque: toHex(opaque)}),
    wrapped: encodeBase64(wrapped),
  });
}

function parseName(value: unknown, line: number): string {
  if (typeof value === 'string' && NAME.test(value)) return value;
  throw fault(line, 'name', `expected ${DEK_NAME_RULE}`);
}

function parseWrapped(value: JsonObject, line: number): Pick<ManifestEntry, 'keySize' | 'keytag' | 'wrapped'> {
  const keySize = member(value, 'keySize', line);
  if (keySize !== 128 && keySize !== 256) {
    throw fault(line, 'keySize', `expected 128 or 256, got ${shown(keySize)}`);
  }
  const keytag = member(value, 'keytag', line);
  if (typeof keytag !== 'boolean') throw fault(line, 'keytag', `expected true or false, got ${shown(keytag)}`);
  const wrapped = decodeBase64(member(value, 'wrapped', line), line, 'wrapped');
  const {wrappedBytes} = layoutOf(keySize, keytag);
  if (wrapped.length === wrappedBytes) return {keySize, keytag, wrapped};
  const what = `a ${keySize}-bit key ${keytag ? 'with' : 'without'} keytag`;
  throw fault(line, 'wrapped', `expected ${wrappedBytes} bytes for ${what}, got ${wrapped.length}`);
}

function parseOpaque(value: unknown, line: number): Uint8Array {
  if (value === undefined) return new Uint8Array();
  if (typeof value === 'string' && OPAQUE.test(value)) return fromHex(value, 'opaque');
  throw fault(line, 'opaque', 'expected 1 to 8 bytes in hex, in lower case');
}
