/**
 * What the header of a manifest says since version 2: which set of DEKs it is and which edition of that set, for which
 * hosts, until when, and what the login under the next import KEK will be.
 */
import {randomBytes} from 'node:crypto';
import {assertInteger, fromHex, toHex} from '../../bytes.js';
import type {LoginOptions} from '../../dek-layout.js';
import {given} from '../../given.js';
import {fault} from '../fault.js';
import {type JsonObject, member, shown} from './json-object.js';
import {LOGIN_MEMBERS, loginMembers, parseKcv, parseLogin} from './login.js';

/** The versions of the format: the first has no edition, and tells of a DEK no check value and no keytag. */
export type FormatVersion = 1 | 2;

/** A login that is to come. */
export interface NextLogin extends LoginOptions {
  /** The key check value of the next import KEK, 5 bytes; null where it cannot tell one. */
  importKekKcv: Uint8Array | null;
}

/** Which manifest it is. All of it is public. */
export interface Edition {
  /** Names the set of DEKs through all its editions: 16 random bytes. */
  id: Uint8Array;
  /** From 1 on, one more each time that the file is written. */
  generation: number;
  /** When this generation was written: RFC 3339, such as `2026-11-30T12:00:00Z`. */
  issued: string;
  /** The hosts that it is for; empty: any. */
  hosts: string[];
  /** RFC 3339: after this instant no host is to take it up; null: always. */
  notAfter: string | null;
  nextLogin: NextLogin | null;
}

/** Its members, in the order in which they are written. */
export const EDITION_MEMBERS = ['id', 'generation', 'issued', 'hosts', 'notAfter', 'nextLogin'] as const;

const ID_BYTES = 16;
const HOST = /^[A-Za-z0-9][A-Za-z0-9._-]{0,252}$/;
const RFC_3339 = /^(\d{4}-\d\d-\d\d)T([01]\d|2[0-3]):[0-5]\d:([0-5]\d|60)(\.\d{1,9})?(Z|[+-]([01]\d|2[0-3]):[0-5]\d)$/;
const NEXT_LOGIN_MEMBERS = new Set<string>([...LOGIN_MEMBERS, 'importKekKcv']);

/**
 * The first edition of a new set of DEKs, for the header of a manifest of version 2.
 * @param more - hosts, an end and a next login, where it has them
 * @returns generation 1, under a random id, issued now
 * @throws nothing: what a header cannot hold is refused where it is written
 */
export function newEdition(more: Partial<Pick<Edition, 'hosts' | 'notAfter' | 'nextLogin'>> = {}): Edition {
  const id = new Uint8Array(randomBytes(ID_BYTES));
  return {id, generation: 1, issued: now(), hosts: [], notAfter: null, nextLogin: null, ...more};
}

/**
 * The edition that follows: for a manifest that takes the place of another.
 * @param edition - that of the other
 * @returns the next generation, issued now
 * @throws DekError: BAD_ARGUMENT for what is no edition; what a header cannot hold is refused where it is written
 */
export function nextEdition(edition: Edition): Edition {
  return given('edition', 'that of a manifest', () => {
    assertInteger(edition.generation, 1, Number.MAX_SAFE_INTEGER - 1, 'generation');
    return {...edition, generation: edition.generation + 1, issued: now()};
  });
}

/** The edition after this one; the first of a new set where there is none, as in version 1. */
export function editionAfter(edition: Edition | null | undefined): Edition {
  return edition ? nextEdition(edition) : newEdition();
}

/** Whether `text` is an instant as RFC 3339 writes it, on a day that there is. */
export function isInstant(text: unknown): text is string {
  const day = typeof text === 'string' ? RFC_3339.exec(text)?.[1] : undefined;
  if (day === undefined) return false;
  const date = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.toISOString().startsWith(day);
}

/** An instant in milliseconds since 1970. A leap second is the one before it. */
export function timeOf(instant: string): number {
  return Date.parse(instant.replace(/:60(?=[.Z+-])/, ':59').replace(/(\.\d{3})\d+/, '$1'));
}

/** Whether `text` is the id of a set of DEKs: 16 bytes in hex. */
export function isManifestId(text: unknown): text is string {
  return typeof text === 'string' && /^[0-9a-f]{32}$/.test(text);
}

/** What the name of a host is made of, for messages. */
export const HOST_FORM = 'letters, digits and . _ -, a letter or a digit first';

/** Whether `text` is a name that a host can have. */
export function isHost(text: unknown): text is string {
  return typeof text === 'string' && HOST.test(text);
}

/** The members of the header for `edition`; undefined for those that are left out. */
export function editionMembers({id, generation, issued, hosts, notAfter, nextLogin}: Edition): JsonObject {
  return {
    id: toHex(id),
    generation,
    issued,
    hosts: hosts.length === 0 ? undefined : hosts,
    notAfter: notAfter ?? undefined,
    nextLogin: nextLogin ? loginMembers(nextLogin, nextLogin.importKekKcv) : undefined,
  };
}

/** What the header in `value` says. Throws BAD_INPUT. */
export function parseEdition(value: JsonObject): Edition {
  return {
    id: parseId(member(value, 'id', 1)),
    generation: parseGeneration(member(value, 'generation', 1)),
    issued: parseInstant(member(value, 'issued', 1), 'issued'),
    hosts: parseHosts(value['hosts']),
    notAfter: value['notAfter'] === undefined ? null : parseInstant(value['notAfter'], 'notAfter'),
    nextLogin: parseNextLogin(value['nextLogin']),
  };
}

function parseId(id: unknown): Uint8Array {
  if (isManifestId(id)) return fromHex(id, 'id');
  throw fault(1, 'id', `expected ${2 * ID_BYTES} hex digits in lower case`);
}

function parseGeneration(generation: unknown): number {
  if (Number.isSafeInteger(generation) && (generation as number) >= 1) return generation as number;
  throw fault(1, 'generation', `expected an integer from 1 on, got ${shown(generation)}`);
}

function parseInstant(text: unknown, name: string): string {
  if (isInstant(text)) return text;
  throw fault(1, name, 'expected an instant as RFC 3339 writes it, such as 2026-11-30T12:00:00Z');
}

function parseHosts(hosts: unknown): string[] {
  if (hosts === undefined) return [];
  if (!Array.isArray(hosts)) throw fault(1, 'hosts', `expected an array of names, got ${shown(hosts)}`);
  if (hosts.length === 0) throw fault(1, 'hosts', 'names no host', 'leave it out for: any');
  if (!hosts.every(isHost)) throw fault(1, 'hosts', 'expected names of hosts: letters, digits and ._-');
  if (new Set(hosts).size < hosts.length) throw fault(1, 'hosts', 'names a host twice');
  return hosts;
}

function parseNextLogin(value: unknown): NextLogin | null {
  if (value === undefined) return null;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fault(1, 'nextLogin', `expected an object, got ${shown(value)}`);
  }
  for (const name in value) if (!NEXT_LOGIN_MEMBERS.has(name)) throw fault(1, 'nextLogin', 'has an unknown member');
  const login = value as JsonObject;
  const kcv = login['importKekKcv'] === undefined ? null : parseKcv(login, 'nextLogin.');
  return {...parseLogin(login, 'nextLogin.'), importKekKcv: kcv};
}

/** This instant as RFC 3339 writes it, in whole seconds. */
export function now(): string {
  return `${new Date().toISOString().slice(0, 19)}Z`;
}
