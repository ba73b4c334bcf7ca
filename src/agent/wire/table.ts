/**
 * The table of dek-attach(7): header, entries sorted by name, other objects. The agent writes it for a service, which
 * maps it; a service presents one when it lends again, which is read here and believed in nothing.
 *
 * Header, 128 bytes:
 *
 *     0 "DEKTABLE" | 8 version 2 | 10 bytes of the header 2 | 12 of an entry 2 | 14 of an other 2
 *     16 entries 4 | 20 others 4 | 24 bytes of the file 8 | 32 PD's handle 4 | 36 reserved 4
 *     40 serial 8 | 48 NIC 64 | 112 reserved 16
 *
 * Entry, 176 bytes, sorted by name:
 *
 *     0 name 128 | 128 object id 4 | 132 handle 4 | 136 key size 2 | 138 flags 2 | 140 reserved 4
 *     144 keytagValue 8 | 152 label 8 | 160 identity 16
 *
 * Other, 16 bytes:
 *
 *     0 type 4 | 4 handle 4 | 8 id 4 | 12 reserved 4
 */
import {DEK_NAME} from '../../dek-name.js';
import {ProtocolFault} from './fault.js';

const MAGIC = 'DEKTABLE';
const VERSION = 1;
const TABLE_BYTES = 128;
export const ENTRY_BYTES = 176;
const NAME_BYTES = 128;
/** What a CHANGE has of an entry: all behind its name. */
export const ENTRY_TAIL_BYTES = ENTRY_BYTES - NAME_BYTES;
export const OTHER_BYTES = 16;
const MOST = 2 ** 20;
export const IDENTITY_BYTES = 16;

export const Flag = {KEYTAG: 1, KEYTAG_VALUE: 2, ABSENT: 4, WRAPPED: 8, DCV: 16, PROVEN: 32} as const;

export interface TableEntry {
  readonly name: string;
  /** 0 while it is absent. */
  readonly id: number;
  readonly handle: number;
  readonly keySize: 128 | 256;
  readonly flags: number;
  /** 8 bytes, or null for zeros. */
  readonly keytagValue: Uint8Array | null;
  /** 8 bytes in hex, empty for zeros. */
  readonly label: string;
  /** 16 bytes, or null for zeros. */
  readonly identity: Uint8Array | null;
}

/** What else is in a context. */
export const OTHER_TYPES = {LOGIN: 1, CQ: 2, QP: 3, MR: 4, MKEY: 5, OLD_DEK: 6, UAR: 7, PD: 8, NEW_DEK: 9} as const;
export type OtherKind = keyof typeof OTHER_TYPES;
export interface OtherObject {
  readonly kind: OtherKind;
  readonly handle: number;
  readonly id: number;
}

export interface Table {
  readonly nic: string;
  readonly pdHandle: number;
  readonly serial: number;
  /** Sorted by name. */
  readonly entries: readonly TableEntry[];
  readonly others: readonly OtherObject[];
}

/** The names of a table are ASCII: as strings they sort as their bytes do. */
export function byName(a: {name: string}, b: {name: string}): number {
  return a.name < b.name ? -1 : a.name > b.name ? 1 : 0;
}

export function writeTable({nic, pdHandle, serial, entries, others}: Table): Uint8Array {
  const size = TABLE_BYTES + ENTRY_BYTES * entries.length + OTHER_BYTES * others.length;
  const bytes = Buffer.alloc(size);
  bytes.write(MAGIC, 0, 'latin1');
  bytes.writeUInt16LE(VERSION, 8);
  bytes.writeUInt16LE(TABLE_BYTES, 10);
  bytes.writeUInt16LE(ENTRY_BYTES, 12);
  bytes.writeUInt16LE(OTHER_BYTES, 14);
  bytes.writeUInt32LE(entries.length, 16);
  bytes.writeUInt32LE(others.length, 20);
  bytes.writeBigUInt64LE(BigInt(size), 24);
  bytes.writeUInt32LE(pdHandle, 32);
  bytes.writeBigUInt64LE(BigInt(serial), 40);
  bytes.write(nic, 48, 63, 'latin1');
  let at = TABLE_BYTES;
  for (const entry of entries) {
    bytes.write(entry.name, at, NAME_BYTES, 'latin1');
    writeEntryTail(bytes, at + NAME_BYTES, entry);
    at += ENTRY_BYTES;
  }
  for (const other of others) {
    writeOther(bytes, at, other);
    at += OTHER_BYTES;
  }
  return bytes;
}

export function writeEntryTail(
  bytes: Buffer,
  at: number,
  {id, handle, keySize, flags, keytagValue, label, identity}: TableEntry,
): void {
  bytes.writeUInt32LE(id, at);
  bytes.writeUInt32LE(handle, at + 4);
  bytes.writeUInt16LE(keySize, at + 8);
  bytes.writeUInt16LE(flags, at + 10);
  if (keytagValue) bytes.set(keytagValue, at + 16);
  if (label) bytes.write(label, at + 24, 8, 'hex');
  if (identity) bytes.set(identity, at + 32);
}

export function writeOther(bytes: Buffer, at: number, {kind, handle, id}: OtherObject): void {
  bytes.writeUInt32LE(OTHER_TYPES[kind], at);
  bytes.writeUInt32LE(handle, at + 4);
  bytes.writeUInt32LE(id, at + 8);
}

/** A table that a service presents: what it says, not what there is. Throws ProtocolFault. */
export function readTable(bytes: Buffer): Table {
  if (bytes.length < TABLE_BYTES || bytes.toString('latin1', 0, 8) !== MAGIC)
    throw new ProtocolFault('this is no table');
  const [headerBytes, entryBytes, otherBytes] = [10, 12, 14].map((at) => bytes.readUInt16LE(at)) as [
    number,
    number,
    number,
  ];
  const [entryCount, otherCount] = [bytes.readUInt32LE(16), bytes.readUInt32LE(20)];
  if (bytes.readUInt16LE(8) !== VERSION) throw new ProtocolFault('a table of another version');
  if (headerBytes < TABLE_BYTES || entryBytes < ENTRY_BYTES || otherBytes < OTHER_BYTES) {
    throw new ProtocolFault('a table with shorter parts than version 1 has');
  }
  if (entryCount > MOST || otherCount > MOST) throw new ProtocolFault('a table with too many entries');
  const size = headerBytes + entryCount * entryBytes + otherCount * otherBytes;
  if (size !== bytes.length || bytes.readBigUInt64LE(24) !== BigInt(size)) {
    throw new ProtocolFault('a table of another size than it says');
  }
  const entries: TableEntry[] = [];
  for (let i = 0, at = headerBytes; i < entryCount; i++, at += entryBytes) {
    const entry = readEntry(bytes, at);
    if (i > 0 && byName(entries[i - 1]!, entry) >= 0) throw new ProtocolFault('a table that is not sorted by name');
    entries.push(entry);
  }
  const others = othersAt(bytes, headerBytes + entryCount * entryBytes, otherCount, otherBytes);
  return {
    nic: bytes.toString('latin1', 48, 112).replace(/\0.*$/s, ''),
    pdHandle: bytes.readUInt32LE(32),
    serial: Number(bytes.readBigUInt64LE(40) & 0x1f_ffff_ffff_ffffn),
    entries,
    others,
  };
}

/** The payload of OTHERS: n 4 | reserved 4 | n others of 16. Throws ProtocolFault. */
export function readOthers(payload: Buffer): OtherObject[] {
  const count = payload.length < 8 ? 0 : payload.readUInt32LE(0);
  if (payload.length < 8 + OTHER_BYTES * count) throw new ProtocolFault('a record is shorter than what it says');
  return othersAt(payload, 8, count, OTHER_BYTES);
}

function othersAt(bytes: Buffer, from: number, count: number, each: number): OtherObject[] {
  const others: OtherObject[] = [];
  for (let at = from; at < from + count * each; at += each) {
    const kind = KINDS.get(bytes.readUInt32LE(at));
    if (kind) others.push({kind, handle: bytes.readUInt32LE(at + 4), id: bytes.readUInt32LE(at + 8)});
  }
  return others;
}

const KINDS: ReadonlyMap<number, OtherKind> = new Map(
  Object.entries(OTHER_TYPES).map(([kind, type]) => [type, kind as OtherKind]),
);
const NAME = new RegExp(DEK_NAME);

function readEntry(bytes: Buffer, at: number): TableEntry {
  const end = bytes.subarray(at, at + NAME_BYTES).indexOf(0);
  const name = bytes.toString('latin1', at, at + (end < 0 ? NAME_BYTES : end));
  if (!NAME.test(name)) throw new ProtocolFault('a table with an entry that has no name');
  return {name, ...readEntryTail(bytes, at + NAME_BYTES)};
}

/** All of an entry behind its name, which begins at `at`. Throws ProtocolFault. */
export function readEntryTail(bytes: Buffer, at: number): Omit<TableEntry, 'name'> {
  const keySize = bytes.readUInt16LE(at + 8);
  if (keySize !== 128 && keySize !== 256) throw new ProtocolFault(`a table with a key of ${keySize} bits`);
  const label = bytes.toString('hex', at + 24, at + 32);
  return {
    id: bytes.readUInt32LE(at),
    handle: bytes.readUInt32LE(at + 4),
    keySize,
    flags: bytes.readUInt16LE(at + 10),
    keytagValue: Uint8Array.from(bytes.subarray(at + 16, at + 24)),
    label: label === NO_LABEL ? '' : label,
    identity: Uint8Array.from(bytes.subarray(at + 32, at + 48)),
  };
}

const NO_LABEL = '0'.repeat(16);
