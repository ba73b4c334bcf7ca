/** The records of dek-attach(7) that an agent sends, as a service reads them, and those that a service sends. Pure. */
import {ProtocolFault} from '../wire/fault.js';
import {HEADER_BYTES, NIC_BYTES, Type} from '../wire/records.js';
import {ENTRY_TAIL_BYTES, readEntryTail, type TableEntry} from '../wire/table.js';

/** What the agent says. TABLE and CONTEXT come with a descriptor. */
export type AgentRecord =
  | {readonly type: 'context'; readonly pdHandle: number; readonly nic: string}
  | {readonly type: 'table'; readonly bytes: number}
  | {readonly type: 'change'; readonly changes: readonly EntryChange[]}
  | {readonly type: 'others' | 'made'; readonly payload: Buffer}
  | {readonly type: 'gone'; readonly nextFollows: boolean; readonly errno: number; readonly text: string}
  | {
      readonly type: 'refusal';
      readonly errno: number;
      readonly pid: number;
      readonly uid: number;
      readonly text: string;
    }
  | {readonly type: 'detached'}
  | {readonly type: 'expired'; readonly ids: readonly number[]}
  | {readonly type: 'progress'; readonly done: number; readonly total: number};

/** Entry `index` of the last table has another object. */
export interface EntryChange {
  readonly index: number;
  readonly oldId: number;
  readonly entry: Omit<TableEntry, 'name'>;
}

/** How many descriptors come with a record of this type. */
export function descriptorsOf(type: number): number {
  return type === Type.TABLE || type === Type.CONTEXT ? 1 : 0;
}

/** A record of the agent; undefined for one that is not known and may be skipped. Throws ProtocolFault. */
export function readAgentRecord(type: number, payload: Buffer): AgentRecord | undefined {
  const u32 = (at: number): number => {
    if (at + 4 > payload.length) throw new ProtocolFault('a record is shorter than what it says');
    return payload.readUInt32LE(at);
  };
  const text = (at: number, length: number): string =>
    payload.toString('utf8', at, Math.min(at + length, payload.length));
  switch (type) {
    case Type.CONTEXT: {
      const nic = payload.toString('latin1', 8, 8 + NIC_BYTES).replace(/\0.*$/s, '');
      return {type: 'context', pdHandle: u32(0), nic};
    }
    case Type.TABLE:
      u32(12);
      return {type: 'table', bytes: Number(payload.readBigUInt64LE(8))};
    case Type.CHANGE: {
      const each = 8 + ENTRY_TAIL_BYTES;
      const count = u32(8);
      if (payload.length < 16 + each * count) throw new ProtocolFault('a record is shorter than what it says');
      const changes = Array.from({length: count}, (_, i): EntryChange => {
        const at = 16 + each * i;
        return {index: u32(at), oldId: u32(at + 4), entry: readEntryTail(payload, at + 8)};
      });
      return {type: 'change', changes};
    }
    case Type.OTHERS:
      return {type: 'others', payload};
    case Type.MADE:
      return {type: 'made', payload};
    case Type.GONE:
      return {type: 'gone', nextFollows: (u32(0) & 1) !== 0, errno: u32(4), text: text(16, u32(8))};
    case Type.REFUSAL:
      return {type: 'refusal', errno: u32(0), pid: u32(4), uid: u32(8), text: text(16, u32(12))};
    case Type.DETACHED:
      return {type: 'detached'};
    case Type.EXPIRED:
      return {
        type: 'expired',
        ids: Array.from({length: Math.min(u32(0), payload.length / 4)}, (_, i) => u32(8 + 4 * i)),
      };
    case Type.PROGRESS:
      return {type: 'progress', done: u32(0), total: u32(4)};
    default:
      if ((type & 0x8000) !== 0) return undefined;
      throw new ProtocolFault(`unknown record type ${type}`);
  }
}

/** LEND or ATTACH: flags 4 | PD's handle 4 | patterns 4 | reserved 4 | NIC 64 | (length 2 | bytes) of each pattern */
export function requestRecord(
  type: 'lend' | 'attach',
  {pdHandle, nic, names, presents}: {pdHandle: number; nic: string; names: readonly string[]; presents: boolean},
): Buffer {
  const head = Buffer.alloc(16 + NIC_BYTES);
  head.writeUInt32LE(presents ? 1 : 0, 0);
  head.writeUInt32LE(pdHandle, 4);
  head.writeUInt32LE(names.length, 8);
  head.write(nic, 16, NIC_BYTES - 1, 'latin1');
  const patterns = names.map((name) => {
    const text = Buffer.from(name, 'latin1');
    const length = Buffer.alloc(2);
    length.writeUInt16LE(text.length);
    return Buffer.concat([length, text]);
  });
  return serviceRecord(type === 'lend' ? Type.LEND : Type.ATTACH, Buffer.concat([head, ...patterns]));
}

/** n 4 | reserved 4 | n ids of 4 */
export function releaseRecord(ids: readonly number[]): Buffer {
  const payload = Buffer.alloc(8 + 4 * ids.length);
  payload.writeUInt32LE(ids.length, 0);
  for (const [i, id] of ids.entries()) payload.writeUInt32LE(id, 8 + 4 * i);
  return serviceRecord(Type.RELEASE, payload);
}

/** flags 4 */
export function detachRecord(destroys: boolean): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32LE(destroys ? 1 : 0, 0);
  return serviceRecord(Type.DETACH, payload);
}

function serviceRecord(type: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt16LE(type, 0);
  header.writeUInt16LE(1, 2);
  header.writeUInt32LE(payload.length, 4);
  return Buffer.concat([header, payload]);
}
