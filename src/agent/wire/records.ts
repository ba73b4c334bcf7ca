/**
 * The records of dek-attach(7), as bytes: an agent reads LEND, ATTACH, RELEASE and DETACH, and writes the others. Pure:
 * no descriptor, no socket. All numbers are little-endian.
 *
 *     type 2 | version 2 | length of the payload 4 | payload
 */
import {constants} from 'node:os';
import {DEK_NAME} from '../../dek-name.js';
import {ProtocolFault} from './fault.js';
import type {OtherObject, TableEntry} from './table.js';
import {ENTRY_TAIL_BYTES, OTHER_BYTES, writeEntryTail, writeOther} from './table.js';

export const UPGRADE_TOKEN = 'dek-attach/1';
export const HEADER_BYTES = 8;
export const MAX_PAYLOAD_BYTES = 65_536;
const VERSION = 1;
/** A type with this bit may be skipped by one who does not know it. */
const MAY_SKIP = 0x8000;

export const Type = {
  LEND: 1,
  ATTACH: 2,
  RELEASE: 3,
  DETACH: 4,
  CONTEXT: 16,
  TABLE: 17,
  CHANGE: 18,
  OTHERS: 19,
  GONE: 20,
  REFUSAL: 21,
  DETACHED: 22,
  EXPIRED: 24,
  PROGRESS: 0x8001,
  MADE: 0x8002,
} as const;

export const NIC_BYTES = 64;
/** Entries of one CHANGE. */
export const MAX_CHANGES = 1024;
const MAX_PATTERN_BYTES = 256;
const MAX_TEXT_BYTES = 1024;

/** What a service asks for. */
export interface Request {
  readonly type: 'lend' | 'attach';
  /** A table comes with it, behind the context. */
  readonly presentsTable: boolean;
  readonly pdHandle: number;
  /** ATTACH: the NIC, empty for the only one. */
  readonly nic: string;
  /** Names and GLOBs; empty for all. */
  readonly patterns: readonly string[];
}

export type ClientRecord =
  | Request
  | {readonly type: 'release'; readonly ids: readonly number[]}
  | {readonly type: 'detach'; readonly destroys: boolean};

/** The header of a record. Throws ProtocolFault. */
export function readHeader(bytes: Uint8Array): {type: number; version: number; length: number} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, HEADER_BYTES);
  const header = {
    type: view.getUint16(0, true),
    version: view.getUint16(2, true),
    length: view.getUint32(4, true),
  };
  if (header.length > MAX_PAYLOAD_BYTES) {
    throw new ProtocolFault(`a record of ${header.length} bytes: at most ${MAX_PAYLOAD_BYTES} are allowed`);
  }
  return header;
}

/** A record of a client; undefined for one that may be skipped. Throws ProtocolFault. */
export function readClientRecord(type: number, version: number, payload: Uint8Array): ClientRecord | undefined {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const read = READERS[type];
  if (!read) {
    if ((type & MAY_SKIP) !== 0) return undefined;
    throw new ProtocolFault(`unknown record type ${type}`);
  }
  if (version !== VERSION) {
    const text = `version ${version} of record ${type}: this agent knows version ${VERSION}`;
    throw new ProtocolFault(text, constants.errno.EPROTONOSUPPORT);
  }
  return read(view);
}

const READERS: Readonly<Record<number, (view: DataView) => ClientRecord>> = {
  [Type.LEND]: (view) => readRequest('lend', view),
  [Type.ATTACH]: (view) => readRequest('attach', view),
  [Type.RELEASE]: (view) => {
    const count = numberAt(view, 0);
    if (view.byteLength < 8 + 4 * count) throw tooShort();
    return {type: 'release', ids: Array.from({length: count}, (_, i) => view.getUint32(8 + 4 * i, true))};
  },
  [Type.DETACH]: (view) => ({type: 'detach', destroys: (numberAt(view, 0) & 1) !== 0}),
};

/** flags 4 | PD's handle 4 | patterns 4 | reserved 4 | NIC 64 | (length 2 | bytes) of each pattern */
function readRequest(type: 'lend' | 'attach', view: DataView): Request {
  const [flags, pdHandle, count] = [numberAt(view, 0), numberAt(view, 4), numberAt(view, 8)];
  if (view.byteLength < 16 + NIC_BYTES) throw tooShort();
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  const patterns: string[] = [];
  let at = 16 + NIC_BYTES;
  for (let i = 0; i < count; i++) {
    if (at + 2 > view.byteLength) throw tooShort();
    const length = view.getUint16(at, true);
    at += 2;
    if (length === 0 || length > MAX_PATTERN_BYTES) throw new ProtocolFault(`a name or GLOB of ${length} bytes`);
    if (at + length > view.byteLength) throw tooShort();
    patterns.push(asPattern(bytes.toString('latin1', at, at + length)));
    at += length;
  }
  const nic = bytes.toString('latin1', 16, 16 + NIC_BYTES).replace(/\0.*$/s, '');
  if (!/^[A-Za-z0-9._:/-]*$/.test(nic)) throw new ProtocolFault('the NIC is no name');
  return {type, presentsTable: (flags & 1) !== 0, pdHandle, nic, patterns};
}

const GLOB = /^[A-Za-z0-9._:@+*?-]+$/;

function asPattern(text: string): string {
  if (isGlob(text) ? GLOB.test(text) : new RegExp(DEK_NAME).test(text)) return text;
  throw new ProtocolFault(
    'what is asked for is neither the name of a DEK nor a GLOB of * and ?',
    constants.errno.EINVAL,
  );
}

/** Whether it may mean several names. */
export function isGlob(pattern: string): boolean {
  return /[*?]/.test(pattern);
}

function numberAt(view: DataView, offset: number): number {
  if (view.byteLength < offset + 4) throw tooShort();
  return view.getUint32(offset, true);
}

function tooShort(): ProtocolFault {
  return new ProtocolFault('a record is shorter than what it says');
}

/** PD's handle 4 | reserved 4 | NIC 64 */
export function contextRecord(pdHandle: number, nic: string): Uint8Array {
  const {bytes, view} = record(Type.CONTEXT, 8 + NIC_BYTES);
  view.setUint32(0, pdHandle, true);
  bytes.write(nic, 8, NIC_BYTES - 1, 'latin1');
  return whole(bytes);
}

/** serial 8 | bytes of the file 8 | entries 4 | others 4 */
export function tableRecord(serial: number, fileBytes: number, entries: number, others: number): Uint8Array {
  const {bytes, view} = record(Type.TABLE, 24);
  view.setBigUint64(0, BigInt(serial), true);
  view.setBigUint64(8, BigInt(fileBytes), true);
  view.setUint32(16, entries, true);
  view.setUint32(20, others, true);
  return whole(bytes);
}

/** An entry of the last table that has another object now. */
export interface Change {
  readonly index: number;
  /** 0: it had none. */
  readonly oldId: number;
  readonly entry: TableEntry;
}

/** serial 8 | n 4 | reserved 4 | n times: index 4, old id 4, bytes 128 to 175 of the entry 48 */
export function changeRecord(serial: number, changes: readonly Change[]): Uint8Array {
  const each = 8 + ENTRY_TAIL_BYTES;
  const {bytes, view} = record(Type.CHANGE, 16 + each * changes.length);
  view.setBigUint64(0, BigInt(serial), true);
  view.setUint32(8, changes.length, true);
  for (const [i, {index, oldId, entry}] of changes.entries()) {
    const at = 16 + each * i;
    view.setUint32(at, index, true);
    view.setUint32(at + 4, oldId, true);
    writeEntryTail(bytes, at + 8, entry);
  }
  return whole(bytes);
}

/** n 4 | reserved 4 | n others of 16 */
export function othersRecord(others: readonly OtherObject[]): Uint8Array {
  return listOfOthers(Type.OTHERS, others);
}

/** Others of one MADE. */
export const MAX_MADE = 1024;

/** n 4 | reserved 4 | n others of 16 */
export function madeRecord(others: readonly OtherObject[]): Uint8Array {
  return listOfOthers(Type.MADE, others);
}

function listOfOthers(type: number, others: readonly OtherObject[]): Uint8Array {
  const {bytes, view} = record(type, 8 + OTHER_BYTES * others.length);
  view.setUint32(0, others.length, true);
  for (const [i, other] of others.entries()) writeOther(bytes, 8 + OTHER_BYTES * i, other);
  return whole(bytes);
}

/** flags 4 | errno 4 | bytes of text 4 | reserved 4 | text */
export function goneRecord(nextFollows: boolean, errno: number, message: string): Uint8Array {
  const text = clipped(message);
  const {bytes, view} = record(Type.GONE, 16 + text.length);
  view.setUint32(0, nextFollows ? 1 : 0, true);
  view.setUint32(4, errno, true);
  view.setUint32(8, text.length, true);
  bytes.set(text, 16);
  return whole(bytes);
}

/** Who has the context that was asked for. */
export interface Holder {
  readonly pid: number;
  readonly uid: number;
}

/** errno 4 | pid 4 | uid 4 | bytes of text 4 | text */
export function refusalRecord(errno: number, message: string, holder: Holder = {pid: 0, uid: 0}): Uint8Array {
  const text = clipped(message);
  const {bytes, view} = record(Type.REFUSAL, 16 + text.length);
  view.setUint32(0, errno, true);
  view.setUint32(4, holder.pid, true);
  view.setUint32(8, holder.uid, true);
  view.setUint32(12, text.length, true);
  bytes.set(text, 16);
  return whole(bytes);
}

/** Empty. */
export function detachedRecord(): Uint8Array {
  return whole(record(Type.DETACHED, 0).bytes);
}

/** n 4 | reserved 4 | n ids of 4 */
export function expiredRecord(ids: readonly number[]): Uint8Array {
  const {bytes, view} = record(Type.EXPIRED, 8 + 4 * ids.length);
  view.setUint32(0, ids.length, true);
  for (const [i, id] of ids.entries()) view.setUint32(8 + 4 * i, id, true);
  return whole(bytes);
}

/** done 4 | total 4 */
export function progressRecord(done: number, total: number): Uint8Array {
  const {bytes, view} = record(Type.PROGRESS, 8);
  view.setUint32(0, done, true);
  view.setUint32(4, total, true);
  return whole(bytes);
}

/** The payload of a record, to be filled; `whole` gives all of it. */
function record(type: number, length: number): {bytes: Buffer; view: DataView} {
  const all = Buffer.alloc(HEADER_BYTES + length);
  all.writeUInt16LE(type, 0);
  all.writeUInt16LE(VERSION, 2);
  all.writeUInt32LE(length, 4);
  const bytes = all.subarray(HEADER_BYTES);
  return {bytes, view: new DataView(bytes.buffer, bytes.byteOffset, bytes.length)};
}

function whole(payload: Buffer): Uint8Array {
  return new Uint8Array(payload.buffer, payload.byteOffset - HEADER_BYTES, HEADER_BYTES + payload.length);
}

/** As UTF-8, whole characters only. */
function clipped(message: string): Uint8Array {
  const text = Buffer.from(message.replaceAll('\0', ' '));
  if (text.length <= MAX_TEXT_BYTES) return text;
  let end = MAX_TEXT_BYTES;
  while ((text[end]! & 0xc0) === 0x80) end--;
  return text.subarray(0, end);
}
