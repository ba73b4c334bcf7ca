/** What a file holds in place of the key that was expected: its kind and its length, never what stands in it. */
import {decodeDigits, isBase64, isWhiteSpace, type TextFormat} from './digits.js';

/** What is wrong, to stand after the name of the source, and what to do. */
export interface Mismatch {
  readonly message: string;
  readonly hint?: string | undefined;
}

const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
const LINE_FEED = 0x0a;
const SPACE = 0x20;
const TAB = 0x09;
const BRACE = 0x7b;
const HYPHEN = 0x2d;
const UNDERLINE = 0x5f;

/**
 * Whether `content` is printable ASCII, of whatever meaning, in UTF-8 or UTF-16: a random key is not, but once in five
 * million.
 */
export function isText(content: Uint8Array): boolean {
  return isUtf16(content) || (withoutMark(content).every(isPrintable) && content.some((code) => !isWhiteSpace(code)));
}

/** Why `content` is no key of one of `lengths` bytes, if it was to stand in `format`, or in any. */
export function describeMismatch(
  content: Uint8Array,
  lengths: readonly number[],
  format: 'raw' | TextFormat | undefined,
): Mismatch {
  if (content.length === 0) return {message: 'is empty'};
  if (format === 'raw' || !isText(content)) return {...describeRaw(content, lengths), ...notOf(format)};
  if (isUtf16(content)) return {message: 'is text in UTF-16', hint: 'iconv -f utf-16 -t ascii makes it plain text'};
  if (startsWithMark(content)) {
    return {message: 'begins with a byte order mark', hint: "leave the mark out: sed '1s/^\\xef\\xbb\\xbf//'"};
  }
  const described = describeText(content, format);
  if (described.hint !== undefined || format !== undefined || !lengths.includes(content.length)) return described;
  return {
    ...described,
    hint: `if its ${content.length} characters are the key themselves, give raw as its format, or write it in hex`,
  };
}

function describeRaw(content: Uint8Array, lengths: readonly number[]): Mismatch {
  const {length} = content;
  if (content[length - 1] !== LINE_FEED || !lengths.includes(length - 1)) return {message: `holds ${length} bytes`};
  return {
    message: `holds ${length} bytes, the last of them a line feed`,
    hint: `if it is a raw key, leave the line feed out: head -c ${length - 1}`,
  };
}

function notOf(format: 'raw' | TextFormat | undefined): Mismatch | undefined {
  return format === undefined || format === 'raw' ? undefined : {message: `is not ${format}`, hint: undefined};
}

/** Whether it may be a manifest, or another file of JSON. */
export function beginsAsJson(content: Uint8Array): boolean {
  return content[0] === BRACE;
}

/** What to do about that. */
export const JSON_MISMATCH: Mismatch = {
  message: 'is JSON',
  hint: 'if it is a manifest: dek unwrap --manifest FILE, dek apply FILE',
};

function describeText(text: Uint8Array, format: TextFormat | undefined): Mismatch {
  if (beginsAsJson(text)) return JSON_MISMATCH;
  const inHex = format === 'base64' ? undefined : decodeDigits(text, 'hex');
  if (Number.isNaN(inHex)) return {message: 'holds hex digits that make no whole bytes'};
  if (inHex !== undefined) return {message: `holds ${inHex} bytes in hex`};
  if (format === 'hex') return {message: 'is not hex'};
  const inBase64 = decodeDigits(text, 'base64');
  if (inBase64 === undefined && isBase64Url(text)) {
    return {message: 'is base64url', hint: "make it base64, with its padding: tr -- '-_' '+/'"};
  }
  if (inBase64 === undefined && hasSpaces(text) && text.every(isBase64))
    return {message: 'is base64 with spaces in it'};
  if (Number.isNaN(inBase64)) {
    const hint = 'four digits are three bytes; = stands for those that are left over at the end';
    return {message: 'is base64 without its padding, or cut off', hint};
  }
  if (inBase64 !== undefined) return {message: `holds ${inBase64} bytes in base64`};
  return {message: format === 'base64' ? 'is not base64' : 'is text, but neither hex nor base64'};
}

/** Whether it has the digits of base64url, with - or _ among them. */
function isBase64Url(text: Uint8Array): boolean {
  const isOfIt = (code: number): boolean => code === HYPHEN || code === UNDERLINE;
  return text.some(isOfIt) && text.every((code) => isOfIt(code) || isBase64(code));
}

function hasSpaces(text: Uint8Array): boolean {
  return text.includes(SPACE) || text.includes(TAB);
}

function isPrintable(code: number): boolean {
  return (code >= 0x20 && code <= 0x7e) || isWhiteSpace(code);
}

/** Printable ASCII, each with a zero before it or behind it. */
function isUtf16(content: Uint8Array): boolean {
  if (content.length === 0 || content.length % 2 !== 0) return false;
  const hasMark = content[0]! + content[1]! === 0xff + 0xfe;
  const from = hasMark ? 2 : 0;
  const zeroAt = content[from] === 0 ? 0 : 1;
  return content.every((code, i) => i < from || (i % 2 === zeroAt ? code === 0 : isPrintable(code)));
}

function startsWithMark(content: Uint8Array): boolean {
  return BYTE_ORDER_MARK.every((code, i) => content[i] === code);
}

function withoutMark(content: Uint8Array): Uint8Array {
  return startsWithMark(content) ? content.subarray(BYTE_ORDER_MARK.length) : content;
}
