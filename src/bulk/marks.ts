/**
 * The marks of DEKs, which tell what each key is: made of the keys, compared with those that stand in lines of a
 * manifest, and put into the lines that have none.
 */
import {toHex} from '../bytes.js';
import {DCV_BYTES, DCV_HINT_BYTES, type DekLayout, KEYTAG_BYTES} from '../dek-layout.js';
import {type Columns, type KeyColumn, markAt} from '../manifest/columns.js';
import {type Fault, faultOf, LineFault} from '../manifest/fault.js';
import {base64Digits} from '../manifest/fields/base64.js';
import type {Marks} from '../manifest/fields/entry.js';
import {checkValuesOf} from '../wrap/dcv/check-values.js';
import {arrangementIn} from '../wrap/dcv/dcv.js';
import {anotherKey} from '../wrap/dcv/wrong-key.js';

/** What stands before each value in a line in canonical form. */
const BEFORE = {name: '{"name":"', keytagValue: ',"keytagValue":"', dcv: ',"dcv":"', wrapped: ',"wrapped":"'};
const AFTER_WRAPPED = '"}\n';

/** The marks of each DEK in `plaintexts`. */
export function marksOf(plaintexts: Uint8Array, layout: DekLayout): Marks[] {
  const {dcv, dcvHints} = checkValuesOf(plaintexts, layout);
  return Array.from({length: plaintexts.length / layout.plaintextBytes}, (_, i) => {
    const end = (i + 1) * layout.plaintextBytes;
    return {
      dcv: dcv.slice(i * DCV_BYTES, (i + 1) * DCV_BYTES),
      dcvHints: dcvHints.slice(i * DCV_HINT_BYTES, (i + 1) * DCV_HINT_BYTES),
      ...(layout.keytag ? {keytagValue: plaintexts.slice(end - KEYTAG_BYTES, end)} : {}),
    };
  });
}

/** How many DEKs have no check value, or not all that goes with one. */
export function countUnmarked({count, dcvHintsAt, keytagValueAt, layouts, keys}: Columns): number {
  let unmarked = 0;
  for (let i = 0; i < count; i++) {
    if (dcvHintsAt[i] === 0 || (keytagValueAt[i] === 0 && keys[layouts[i]!]!.layout.keytag)) unmarked++;
  }
  return unmarked;
}

/** The marks of some lines. */
export class LineMarks {
  readonly #columns: Columns;
  readonly #text: Buffer;
  /** The members of each DEK as they are to stand in its line. */
  readonly #members: string[];

  constructor(columns: Columns) {
    this.#columns = columns;
    this.#text = Buffer.from(columns.text.buffer, columns.text.byteOffset, columns.text.length);
    this.#members = new Array(columns.count).fill('');
  }

  /** Compares what the lines of a column have with its keys, which may be zeros. Returns what differs. */
  compare({layout, members}: KeyColumn, plaintexts: Uint8Array): Fault[] {
    const {plaintextBytes} = layout;
    const faults: Fault[] = [];
    const {dcv, dcvHints} = checkValuesOf(plaintexts, layout);
    for (let k = 0; k < members.length; k++) {
      const i = members[k]!;
      const dek = plaintexts.subarray(k * plaintextBytes, (k + 1) * plaintextBytes);
      const is = {
        dcv: toHex(dcv.subarray(k * DCV_BYTES, (k + 1) * DCV_BYTES)),
        dcvHints: toHex(dcvHints.subarray(k * DCV_HINT_BYTES, (k + 1) * DCV_HINT_BYTES)),
        keytagValue: layout.keytag ? toHex(dek.subarray(-KEYTAG_BYTES)) : null,
      };
      const tag = is.keytagValue === null ? '' : `${BEFORE.keytagValue}${is.keytagValue}"`;
      this.#members[i] = `${tag}${BEFORE.dcv}${is.dcv}","dcvHints":"${is.dcvHints}"`;
      const fault = this.#fault(i, is, dek);
      if (fault) faults.push(fault);
    }
    return faults;
  }

  /** The lines with all that `compare` has found. */
  complete(): Uint8Array {
    const {count, nameAt, keytagValueAt, dcvAt, wrappedAt, layouts, keys} = this.#columns;
    let text = '';
    for (let i = 0; i < count; i++) {
      const {wrappedBytes} = keys[layouts[i]!]!.layout;
      const wrapped = wrappedAt[i]! - BEFORE.wrapped.length;
      const dcv = dcvAt[i]! > 0 ? dcvAt[i]! - BEFORE.dcv.length : wrapped;
      const marks = keytagValueAt[i]! > 0 ? keytagValueAt[i]! - BEFORE.keytagValue.length : dcv;
      const end = wrappedAt[i]! + base64Digits(wrappedBytes) + AFTER_WRAPPED.length;
      text += this.#text.toString('latin1', nameAt[i]! - BEFORE.name.length, marks);
      text += this.#members[i]! + this.#text.toString('latin1', wrapped, end);
    }
    return new Uint8Array(Buffer.from(text, 'latin1'));
  }

  #fault(
    i: number,
    is: {dcv: string; dcvHints: string; keytagValue: string | null},
    dek: Uint8Array,
  ): Fault | undefined {
    const {lines, dcvAt, dcvHintsAt, keytagValueAt} = this.#columns;
    const line = lines[i]!;
    const dcv = markAt(this.#text, dcvAt[i]!, DCV_BYTES);
    if (dcv !== null && dcv !== is.dcv) {
      const {code, message, hint} = anotherKey(arrangementIn(dek, Buffer.from(dcv, 'hex')));
      return faultOf(new LineFault(line, code, `dcv: ${message}`, hint));
    }
    const hints = markAt(this.#text, dcvHintsAt[i]!, DCV_HINT_BYTES);
    if (hints !== null && hints !== is.dcvHints) return wrongMark(line, 'dcvHints: not the hints of this key');
    const keytag = markAt(this.#text, keytagValueAt[i]!, KEYTAG_BYTES);
    if (keytag !== null && keytag !== is.keytagValue) return wrongMark(line, 'keytagValue: not the keytag of this key');
    return undefined;
  }
}

function wrongMark(line: number, text: string): Fault {
  return faultOf(new LineFault(line, 'WRONG_KEY', text, undefined));
}
