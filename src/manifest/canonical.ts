/**
 * Many lines of DEKs at once, byte by byte, into columns: what stands where, and the wrapped keys one after the other,
 * as `unwrapKeys` takes them. Only lines in canonical form, as `formatEntry` writes them; of others it says just that
 * there is one.
 */

import {viewOf} from '../bytes.js';
import {DCV_BYTES, DCV_HINT_BYTES, DEK_LAYOUTS, type DekLayout, KEYTAG_BYTES} from '../dek-layout.js';
import type {Columns, KeyColumn} from './columns.js';
import {base64Digits, readBase64} from './fields/base64.js';
import type {FormatVersion} from './fields/edition.js';

/** What a reading of the lines alone tells. */
type Parsed = Omit<Columns, 'lines' | 'faults' | 'fingerprints'>;

const MAX_NAME_BYTES = 128;
const MAX_OPAQUE_DIGITS = 16;

const BEFORE_NAME = viewOf(Buffer.from('{"name":"'));
/** What follows the name, for each of DEK_LAYOUTS; two characters tell which of them it can only be. */
const LAYOUTS = DEK_LAYOUTS.map(({keySize, keytag}) =>
  viewOf(Buffer.from(`","keySize":${keySize},"keytag":${keytag}`)),
);
const KEY_SIZE_AT = '","keySize":'.length;
const KEYTAG_AT = '","keySize":256,"keytag":'.length;
const BEGINS_256 = 0x32;
const BEGINS_TRUE = 0x74;
const BEFORE_OPAQUE = viewOf(Buffer.from(',"opaque":"'));
/** Its first character that `,"wrapped":"` has not. */
const BEGINS_OPAQUE = 0x6f;
const AFTER_HEX = viewOf(Buffer.from('"'));
const BEFORE_KEYTAG_VALUE = viewOf(Buffer.from(',"keytagValue":"'));
const BEFORE_DCV = viewOf(Buffer.from(',"dcv":"'));
const BEFORE_DCV_HINTS = viewOf(Buffer.from(',"dcvHints":"'));
/** The first characters of these. */
const BEGINS_KEYTAG_VALUE = 0x6b;
const BEGINS_DCV = 0x64;
const BEFORE_WRAPPED = viewOf(Buffer.from(',"wrapped":"'));
const AFTER_WRAPPED = viewOf(Buffer.from('"}\n'));

const IS_HEX = tableOf(/[0-9a-f]/);
/** DEK_NAME, the first character and the others. */
const BEGINS_NAME = tableOf(/[A-Za-z0-9]/);
const CONTINUES_NAME = tableOf(/[A-Za-z0-9._:@+-]/);

/** 1 for each byte that is one of these characters. */
function tableOf(characters: RegExp): Uint8Array {
  return Uint8Array.from({length: 256}, (_, byte) => (characters.test(String.fromCharCode(byte)) ? 1 : 0));
}

/**
 * What `text` holds, which is `count` whole lines of a manifest of this version; null when one of them is not in
 * canonical form, right or wrong.
 */
export function parseCanonical(text: Uint8Array, count: number, version: FormatVersion): Parsed | null {
  const [nameAt, nameBytes] = [new Uint32Array(count), new Uint8Array(count)];
  const [opaqueAt, opaqueBytes] = [new Uint32Array(count), new Uint8Array(count)];
  const [keytagValueAt, dcvAt, dcvHintsAt] = [new Uint32Array(count), new Uint32Array(count), new Uint32Array(count)];
  const [wrappedAt, layouts] = [new Uint32Array(count), new Uint8Array(count)];
  const keys = DEK_LAYOUTS.map((layout) => new Filling(layout));
  const view = viewOf(text);
  let at = 0;
  for (let i = 0; i < count; i++) {
    at = after(BEFORE_NAME, view, at);
    nameAt[i] = at;
    const nameEnd = BEGINS_NAME[text[at]!] === 1 ? endOf(CONTINUES_NAME, text, at) : -1;
    if (nameEnd - at > MAX_NAME_BYTES) return null;
    nameBytes[i] = nameEnd - at;

    const is256 = text[nameEnd + KEY_SIZE_AT] === BEGINS_256 ? 2 : 0;
    layouts[i] = is256 + (text[nameEnd + KEYTAG_AT] === BEGINS_TRUE ? 1 : 0);
    at = after(LAYOUTS[layouts[i]!]!, view, nameEnd);

    if (text[at + 2] === BEGINS_OPAQUE) {
      at = after(BEFORE_OPAQUE, view, at);
      const digits = endOf(IS_HEX, text, at) - at;
      if (digits === 0 || digits % 2 === 1 || digits > MAX_OPAQUE_DIGITS) return null;
      opaqueAt[i] = at;
      opaqueBytes[i] = digits / 2;
      at = after(AFTER_HEX, view, at + digits);
    }

    if (version > 1 && text[at + 2] === BEGINS_KEYTAG_VALUE) {
      at = after(BEFORE_KEYTAG_VALUE, view, at);
      if (!DEK_LAYOUTS[layouts[i]!]!.keytag) return null;
      keytagValueAt[i] = at;
      at = afterHex(KEYTAG_BYTES, text, view, at);
    }
    if (version > 1 && text[at + 2] === BEGINS_DCV) {
      at = after(BEFORE_DCV, view, at);
      dcvAt[i] = at;
      at = afterHex(DCV_BYTES, text, view, at);
      if (text[at + 2] === BEGINS_DCV) {
        at = after(BEFORE_DCV_HINTS, view, at);
        dcvHintsAt[i] = at;
        at = afterHex(DCV_HINT_BYTES, text, view, at);
      }
    }

    at = after(BEFORE_WRAPPED, view, at);
    wrappedAt[i] = at;
    const column = keys[layouts[i]!]!;
    if (at < 0 || !column.add(view, at, i, count)) return null;
    at = after(AFTER_WRAPPED, view, at + base64Digits(column.layout.wrappedBytes));
    if (at < 0) return null;
  }
  if (at !== text.length) return null;
  return {
    text,
    count,
    nameAt,
    nameBytes,
    opaqueAt,
    opaqueBytes,
    keytagValueAt,
    dcvAt,
    dcvHintsAt,
    wrappedAt,
    layouts,
    keys: keys.map((key) => key.end()),
  };
}

/** The place after `expected`, if that stands at `at`; else -1, also when `at` is negative. */
function after(expected: DataView, text: DataView, at: number): number {
  const length = expected.byteLength;
  if (at < 0 || at + length > text.byteLength) return -1;
  let i = 0;
  for (; i + 4 <= length; i += 4) if (text.getInt32(at + i) !== expected.getInt32(i)) return -1;
  for (; i < length; i++) if (text.getUint8(at + i) !== expected.getUint8(i)) return -1;
  return at + length;
}

/** The place after the hex digits of so many bytes that begin at `at`, and the quote after them; -1 unless they do. */
function afterHex(bytes: number, text: Uint8Array, view: DataView, at: number): number {
  const end = endOf(IS_HEX, text, at);
  return end === at + 2 * bytes ? after(AFTER_HEX, view, end) : -1;
}

/** Where the run of characters of a table that begins at `at` ends. A whole line has others in it. */
function endOf(table: Uint8Array, text: Uint8Array, at: number): number {
  if (at < 0) return -1;
  let end = at;
  while (table[text[end]!] === 1) end++;
  return end;
}

/** A column of keys that are still coming. */
class Filling {
  readonly layout: DekLayout;
  #wrapped = new DataView(new ArrayBuffer());
  #members = new Uint32Array();
  #count = 0;

  constructor(layout: DekLayout) {
    this.layout = layout;
  }

  /** Decodes the key of DEK `i` of `count`. False when it is not one of this layout. */
  add(text: DataView, at: number, i: number, count: number): boolean {
    const {wrappedBytes} = this.layout;
    if (this.#count === 0) {
      this.#wrapped = new DataView(new ArrayBuffer((count - i) * wrappedBytes));
      this.#members = new Uint32Array(count - i);
    }
    this.#members[this.#count] = i;
    return readBase64(text, at, this.#wrapped, this.#count++ * wrappedBytes, wrappedBytes);
  }

  end(): KeyColumn {
    const wrapped = new Uint8Array(this.#wrapped.buffer, 0, this.#count * this.layout.wrappedBytes);
    return {layout: this.layout, wrapped, members: this.#members.subarray(0, this.#count)};
  }
}
