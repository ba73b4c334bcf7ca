/**
 * Hex and base64 (RFC 4648 sections 8 and 4), byte by byte from buffer to buffer: a key is never made a string, which
 * could not be wiped. Base64 may be broken into lines. Hex is words of whole bytes, with white space between them and
 * with or without 0x: the files of perftest (`0x0f`, a byte a line) and of DPDK (`0f 10`) are hex.
 */

const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const PAD = 0x3d; // =
const ZERO = 0x30;
const X = 0x78;

/** The form of text. */
export type TextFormat = 'hex' | 'base64';

/**
 * How many bytes `text` stands for: undefined when it is not of this form, NaN when its digits are but make no whole
 * bytes. They are written to `into`, which has room for so many.
 */
export function decodeDigits(text: Uint8Array, format: TextFormat, into?: Uint8Array): number | undefined {
  return format === 'hex' ? decodeHex(text, into) : decodeBase64(text, into);
}

/** `bytes` in this form with a line feed at the end, written to `text`, whose length is `digitsLength`. */
export function encodeDigits(bytes: Uint8Array, format: TextFormat, text: Uint8Array): void {
  const bits = bitsOf(format);
  let at = 0;
  let [pending, pendingBits] = [0, 0];
  text.fill(PAD);
  for (const byte of bytes) {
    pending = (pending << 8) | byte;
    pendingBits += 8;
    while (pendingBits >= bits) {
      pendingBits -= bits;
      text[at++] = toDigit(pending >>> pendingBits, bits);
      pending &= (1 << pendingBits) - 1;
    }
  }
  if (pendingBits > 0) text[at] = toDigit(pending << (bits - pendingBits), bits);
  text[text.length - 1] = LINE_FEED;
}

/** How long so many bytes are in this form, with the line feed. */
export function digitsLength(bytes: number, format: TextFormat): number {
  return (format === 'hex' ? 2 * bytes : 4 * Math.ceil(bytes / 3)) + 1;
}

/** Tab, line feed, carriage return, space. */
export function isWhiteSpace(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === LINE_FEED || code === CARRIAGE_RETURN;
}

/** A digit of base64, its padding, or white space. */
export function isBase64(code: number): boolean {
  return code === PAD || isWhiteSpace(code) || fromDigit(code, 6) >= 0;
}

function decodeHex(text: Uint8Array, into?: Uint8Array): number | undefined {
  let length = 0;
  let isWhole = true;
  for (let at = 0; at < text.length; ) {
    if (isWhiteSpace(text[at]!)) {
      at++;
      continue;
    }
    const hasPrefix = text[at] === ZERO && (text[at + 1]! | 0x20) === X;
    if (hasPrefix) at += 2;
    let end = at;
    for (; end < text.length && !isWhiteSpace(text[end]!); end++) if (fromDigit(text[end]!, 4) < 0) return undefined;
    if (end === at) return undefined;
    if (hasPrefix && end - at === 1) at--; // 0xf: the x is read as a zero
    if ((end - at) % 2 !== 0) isWhole = false;
    for (; at + 1 < end; at += 2) {
      const byte = (Math.max(fromDigit(text[at]!, 4), 0) << 4) | fromDigit(text[at + 1]!, 4);
      if (into) into[length] = byte;
      length++;
    }
    at = end;
  }
  if (!isWhole) return Number.NaN;
  return length > 0 ? length : undefined;
}

function decodeBase64(text: Uint8Array, into?: Uint8Array): number | undefined {
  let [digits, pads, last, length] = [0, 0, 0, 0];
  let [pending, pendingBits] = [0, 0];
  for (const code of text) {
    if (code === LINE_FEED || code === CARRIAGE_RETURN) continue;
    if (code === PAD) {
      pads++;
      continue;
    }
    last = fromDigit(code, 6);
    if (last < 0 || pads > 0) return undefined;
    digits++;
    pending = (pending << 6) | last;
    pendingBits += 6;
    if (pendingBits < 8) continue;
    pendingBits -= 8;
    if (into) into[length] = pending >>> pendingBits;
    length++;
    pending &= (1 << pendingBits) - 1;
  }
  if (pads > 2 || digits === 0) return undefined;
  // RFC 4648 section 3.5: the bits of the last digit that belong to no byte are zero.
  return pending === 0 && (digits + pads) % 4 === 0 ? length : Number.NaN;
}

function bitsOf(format: TextFormat): 4 | 6 {
  return format === 'hex' ? 4 : 6;
}

/** The value of a hex digit (4 bits) or of a base64 digit (6 bits), or -1. */
function fromDigit(code: number, bits: 4 | 6): number {
  const isNumeral = code >= 0x30 && code <= 0x39;
  if (bits === 4) {
    if (isNumeral) return code - 0x30;
    const lower = code | 0x20;
    return lower >= 0x61 && lower <= 0x66 ? lower - 0x61 + 10 : -1;
  }
  if (code >= 0x41 && code <= 0x5a) return code - 0x41;
  if (code >= 0x61 && code <= 0x7a) return code - 0x61 + 26;
  if (isNumeral) return code - 0x30 + 52;
  return code === 0x2b ? 62 : code === 0x2f ? 63 : -1;
}

function toDigit(value: number, bits: 4 | 6): number {
  if (bits === 4) return value < 10 ? 0x30 + value : 0x61 + value - 10;
  if (value < 26) return 0x41 + value;
  if (value < 52) return 0x61 + value - 26;
  return value < 62 ? 0x30 + value - 52 : value === 62 ? 0x2b : 0x2f;
}
