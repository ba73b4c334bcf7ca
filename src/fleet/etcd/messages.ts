/**
 * etcd's messages, by field number: what this project asks of KV, Watch, Lease and Auth, and no more. The numbers are
 * those of etcd's API, version 3 (3.4 and later), etcdserverpb and mvccpb.
 */
import {encodeMessage, type FieldValue, Message} from './protobuf.js';

/** A key with its value, and the revision of the store at which it got it. */
export interface KeyValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  /** The lease that it ends with; 0: none. */
  readonly lease: number;
}

/** Which keys: one, or all that begin with `prefix`. */
export type Keys = {readonly key: string} | {readonly prefix: string};

/** What has to be so that a transaction is done. */
export type Compare =
  /** The key was made at this revision; 0: there is no such key. */
  | {readonly key: string; readonly createRevision: number}
  /** The key was written last at this revision; 0: there is no such key. */
  | {readonly key: string; readonly modRevision: number};

/** What a transaction does, all or nothing. */
export type Operation =
  | {readonly put: string; readonly value: Uint8Array; readonly lease?: number | undefined}
  | {readonly remove: Keys}
  | {readonly get: string}
  /** As `get`, by one member alone, which may be behind the others. */
  | {readonly peek: string}
  /** As `get`, without the value. */
  | {readonly exists: string};

/** Paths of the calls. */
export const METHODS = {
  range: '/etcdserverpb.KV/Range',
  txn: '/etcdserverpb.KV/Txn',
  watch: '/etcdserverpb.Watch/Watch',
  leaseGrant: '/etcdserverpb.Lease/LeaseGrant',
  leaseRevoke: '/etcdserverpb.Lease/LeaseRevoke',
  leaseKeepAlive: '/etcdserverpb.Lease/LeaseKeepAlive',
  authenticate: '/etcdserverpb.Auth/Authenticate',
} as const;

const text = (words: string): Uint8Array => new Uint8Array(Buffer.from(words));

/** The end of a prefix is the prefix with its last byte one higher; our keys are ASCII, so that it never overflows. */
function rangeOf(keys: Keys): [key: Uint8Array, end: Uint8Array | undefined] {
  if ('key' in keys) return [text(keys.key), undefined];
  const end = text(keys.prefix);
  end[end.length - 1]! += 1;
  return [text(keys.prefix), end];
}

/** How a range is asked for. */
export interface RangeRequest {
  readonly keys: Keys;
  /** Only keys from this one on. */
  readonly from?: string | undefined;
  /** At most so many; 0: all. */
  readonly limit?: number;
  /** As it was at this revision; 0: now. */
  readonly revision?: number;
  readonly keysOnly?: boolean;
  /** One member answers without asking whether it is behind the others. */
  readonly isSerializable?: boolean;
}

export function encodeRange(request: RangeRequest): Uint8Array {
  const {keys, from, limit = 0, revision = 0, keysOnly = false, isSerializable = false} = request;
  const [key, end] = rangeOf(keys);
  const first = from === undefined ? key : text(from);
  return encodeMessage([1, first], [2, end], [3, limit], [4, revision], [7, isSerializable], [8, keysOnly]);
}

export interface RangeAnswer {
  readonly revision: number;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
}

export function decodeRange(bytes: Uint8Array): RangeAnswer {
  const message = new Message(bytes);
  return {
    revision: revisionOf(message),
    kvs: message.messages(2).map(keyValueOf),
    more: message.flag(3),
  };
}

function keyValueOf(message: Message): KeyValue {
  return {
    key: message.text(1),
    createRevision: message.number(2),
    modRevision: message.number(3),
    value: message.bytes(5),
    lease: message.number(6),
  };
}

function revisionOf(message: Message): number {
  return message.messages(1)[0]?.number(3) ?? 0;
}

const EQUAL = 0;
const CREATE = 1;
const MOD = 2;

function encodeCompare(compare: Compare): Uint8Array {
  const [target, field, value] =
    'createRevision' in compare ? [CREATE, 5, compare.createRevision] : [MOD, 6, compare.modRevision];
  return encodeMessage([1, EQUAL], [2, target], [3, text(compare.key)], [field!, value]);
}

function encodeOperation(operation: Operation): Uint8Array {
  if ('put' in operation) {
    const {put, value, lease} = operation;
    return encodeMessage([2, encodeMessage([1, text(put)], [2, value], [3, lease])]);
  }
  if ('get' in operation) return encodeMessage([1, encodeRange({keys: {key: operation.get}})]);
  if ('peek' in operation) {
    return encodeMessage([1, encodeRange({keys: {key: operation.peek}, isSerializable: true})]);
  }
  if ('exists' in operation) return encodeMessage([1, encodeRange({keys: {key: operation.exists}, keysOnly: true})]);
  const [key, end] = rangeOf(operation.remove);
  return encodeMessage([3, encodeMessage([1, key], [2, end])]);
}

/** A transaction: if all of `compare` is so `success` is done, else `failure`, which may only ask. */
export interface Txn {
  readonly compare: readonly Compare[];
  readonly success: readonly Operation[];
  readonly failure?: readonly {readonly get: string}[];
}

export function encodeTxn({compare, success, failure = []}: Txn): Uint8Array {
  const fields: [number, FieldValue][] = [
    ...compare.map((one): [number, FieldValue] => [1, encodeCompare(one)]),
    ...success.map((one): [number, FieldValue] => [2, encodeOperation(one)]),
    ...failure.map((one): [number, FieldValue] => [3, encodeOperation(one)]),
  ];
  return encodeMessage(...fields);
}

export interface TxnAnswer {
  readonly succeeded: boolean;
  readonly revision: number;
  /** What each `get`, `peek` and `exists` of the branch that was taken found, in order; null: no such key. */
  readonly found: readonly (KeyValue | null)[];
}

export function decodeTxn(bytes: Uint8Array): TxnAnswer {
  const message = new Message(bytes);
  const found = message
    .messages(3)
    .flatMap((response) => response.messages(1))
    .map((range) => range.messages(2).map(keyValueOf)[0] ?? null);
  return {succeeded: message.flag(2), revision: revisionOf(message), found};
}

export function encodeWatchCreate(keys: Keys, startRevision: number): Uint8Array {
  const [key, end] = rangeOf(keys);
  return encodeMessage([1, encodeMessage([1, key], [2, end], [3, startRevision])]);
}

/** Asks for a sign of life on the stream of a watch. */
export const WATCH_PROGRESS = encodeMessage([3, new Uint8Array()]);

export interface WatchEvent {
  readonly isDelete: boolean;
  readonly kv: KeyValue;
}

export interface WatchAnswer {
  readonly canceled: boolean;
  /** Above 0: what was asked for is gone; nothing before this revision is left. */
  readonly compactRevision: number;
  readonly reason: string;
  readonly events: readonly WatchEvent[];
}

export function decodeWatch(bytes: Uint8Array): WatchAnswer {
  const message = new Message(bytes);
  return {
    canceled: message.flag(4),
    compactRevision: message.number(5),
    reason: message.text(6),
    events: message.messages(11).map((event) => ({
      isDelete: event.number(1) === 1,
      kv: keyValueOf(event.messages(2)[0] ?? new Message(new Uint8Array())),
    })),
  };
}

export function encodeLeaseGrant(id: number, seconds: number): Uint8Array {
  return encodeMessage([1, seconds], [2, id]);
}

/** Of a revocation and of a sign of life. */
export function encodeLease(id: number): Uint8Array {
  return encodeMessage([1, id]);
}

/** The seconds that the lease still has; 0: it is gone. */
export function decodeKeepAlive(bytes: Uint8Array): number {
  return new Message(bytes).number(3);
}

/** The caller wipes it. */
export function encodeAuthenticate(name: string, password: Uint8Array): Uint8Array {
  return encodeMessage([1, text(name)], [2, password]);
}

export function decodeToken(bytes: Uint8Array): string {
  return new Message(bytes).text(2);
}
