/**
 * Each line of a manifest after the first, a DEK:
 *
 *     {"name":"vol-1","keySize":256,"keytag":true,"opaque":"766f6c2d31","keytagValue":"6b65797461673a31",
 *      "dcv":"21dd5e59f72d3d2f01d0bb048a7251d2","dcvHints":"7c8562f235a7","wrapped":"BASE64"}
 *
 * (in one line). `opaque` is left out when there is none, and each of the three after it where it is not known; version
 * 1 of the format has not got these. keySize and keytag follow from the length of what is wrapped; they stand
 * there for people and for grep, and are compared with it.
 */
import {fromHex, toHex, viewBytes} from '../../bytes.js';
import {
  DCV_BYTES,
  DCV_HINT_BYTES,
  DEK_WRAPPED_BYTES,
  KEYTAG_BYTES,
  type KeySize,
  layoutOf,
  OPAQUE_LENGTHS,
} from '../../dek-layout.js';
import {DEK_NAME, DEK_NAME_RULE} from '../../dek-name.js';
import {fault} from '../fault.js';
import {decodeBase64, encodeBase64} from './base64.js';
import type {FormatVersion} from './edition.js';
import {VERSION_MEMBER} from './header.js';
import {assertCanonical, type JsonObject, member, parseObject, shown} from './json-object.js';

/** What tells of a key which it is, and what a service needs to use it: all of it public. */
export interface Marks {
  /** The check value (DCV): 16 bytes. */
  dcv?: Uint8Array;
  /** Of a DEK with a DCV, for keys that were put together wrongly: 6 bytes. */
  dcvHints?: Uint8Array;
  /** Of a DEK with keytag: 8 bytes. */
  keytagValue?: Uint8Array;
}

/** A DEK of a manifest, to be written; its marks since version 2. */
export interface ManifestDek extends Marks {
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

/** The marks, in the order in which they are written, and their bytes. */
const MARKS = {keytagValue: KEYTAG_BYTES, dcv: DCV_BYTES, dcvHints: DCV_HINT_BYTES} as const;
const MARK_NAMES = Object.keys(MARKS) as (keyof Marks)[];
const MEMBERS_OF_BOTH = ['name', 'keySize', 'keytag', 'opaque', 'wrapped'];
const MEMBERS: Readonly<Record<FormatVersion, ReadonlySet<string>>> = {
  1: new Set(MEMBERS_OF_BOTH),
  2: new Set([...MEMBERS_OF_BOTH, ...MARK_NAMES]),
};
const NAME = new RegExp(DEK_NAME);
const OPAQUE = /^([0-9a-f]{2}){1,8}$/;

/** The DEK in line number `line` of a manifest of this version. Throws BAD_INPUT. */
export function parseEntry(text: string, line: number, version: FormatVersion): ManifestEntry {
  const value = parseObject(text, line);
  if (value[VERSION_MEMBER] !== undefined) {
    throw fault(line, null, 'a second header', 'two manifests were joined: their headers cannot both hold');
  }
  const entry = {
    line,
    name: parseName(member(value, 'name', line), line),
    ...parseWrapped(value, line),
    opaque: parseOpaque(value['opaque'], line),
    ...(version === 1 ? {} : parseMarks(value, line)),
  };
  assertCanonical(value, text, line, MEMBERS[version]);
  return entry;
}

/**
 * The line of a DEK, without a line feed: right if its values are, which is for a reader to say. Throws BAD_ARGUMENT.
 */
export function formatEntry({name, keySize, keytag, opaque, wrapped, ...marks}: ManifestDek): string {
  opaque = viewBytes(opaque, OPAQUE_LENGTHS, 'opaque');
  wrapped = viewBytes(wrapped, DEK_WRAPPED_BYTES, 'wrapped');
  return JSON.stringify({
    name,
    keySize,
    keytag,
    ...(opaque.length === 0 ? {} : {opaque: toHex(opaque)}),
    ...markMembers(marks),
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

function markMembers(marks: Marks): Partial<Record<keyof Marks, string>> {
  const members: Partial<Record<keyof Marks, string>> = {};
  for (const name of MARK_NAMES) {
    const mark = marks[name];
    if (mark) members[name] = toHex(viewBytes(mark, [MARKS[name]], name));
  }
  return members;
}

function parseMarks(value: JsonObject, line: number): Marks {
  const marks: Marks = {};
  for (const name of MARK_NAMES) if (value[name] !== undefined) marks[name] = parseMark(value[name], line, name);
  if (marks.keytagValue && value['keytag'] === false) throw fault(line, 'keytagValue', 'the DEK has no keytag');
  if (marks.dcvHints && !marks.dcv) throw fault(line, 'dcvHints', 'stands without "dcv"');
  return marks;
}

function parseMark(value: unknown, line: number, name: keyof Marks): Uint8Array {
  const digits = 2 * MARKS[name];
  if (typeof value === 'string' && value.length === digits && /^[0-9a-f]*$/.test(value)) return fromHex(value, name);
  throw fault(line, name, `expected ${digits} hex digits in lower case`);
}
