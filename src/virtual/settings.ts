/**
 * What can be changed on a virtual ConnectX, and the writes that a change takes. A change that does not fit (no room,
 * no such KEK) throws before anything is written.
 */
import {assertInteger, viewBytes} from '../bytes.js';
import {CREDENTIAL_BYTES, type ImportMode, KEK_BYTES, MAX_ID} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {dekErrorBytes, type ErrorRule, faultBytes, type InjectedFault} from './faults.js';
import type {ImageWrite} from './image.js';
import {FAULT, IMAGE, KEY, KEYS, LANES, RULES} from './image-layout.js';
import {
  CONTRARIES,
  type Contrary,
  ENGINES,
  type Engine,
  type NicState,
  POLICIES,
  PORTS,
  type Policy,
  type PortState,
  STATES,
  TWEAKS,
  type Tweak,
} from './properties.js';
import {SERVICES, type ServiceTimes} from './service.js';

/** A secret that the officer loads: an import KEK (16 or 32 bytes) or a credential (40), under a 24-bit id. */
export interface OfficerKey {
  /** 24 bits. */
  readonly id: number;
  /** A KEK of 16 or 32 bytes, or a credential of 40. */
  readonly secret: Uint8Array;
}

/** Every field is optional; what is left out stays as it is. Lists add to what is there, `[]` of rules clears them. */
export interface Settings {
  readonly importMode?: ImportMode;
  readonly state?: NicState;
  readonly engines?: readonly Engine[];
  /** Bit mask; 0: none. */
  readonly failedSelftests?: number;
  /** Room for 2 to the power of this many DEKs: 0 to 31. */
  readonly logMaxDeks?: number;
  readonly latencyUs?: number;
  /** How many firmware commands run at once. */
  readonly parallel?: number;
  /** What the firmware spends on a command while all others wait, in us; kinds that are left out take no time. */
  readonly serviceUs?: Partial<ServiceTimes>;
  /** `fips`: a DEK whose key1 equals its key2 is refused. */
  readonly policy?: Policy;
  /** Anything but `ieee-1619` makes a NIC whose data no other can read. */
  readonly tweak?: Tweak;
  /** Assumptions that it does not hold to, by number; `[]`: none. */
  readonly contrary?: readonly Contrary[];
  readonly port?: PortState;
  /** Whether the port has an address. */
  readonly gid?: boolean;
  /** Whether the firmware connects a queue pair with itself inside the NIC (force loopback). */
  readonly loopback?: boolean;
  /** Whether the kernel has fwctl, by which an officer reaches the registers. */
  readonly fwctl?: boolean;
  /** Whether the firmware lets users of DEVX at the officer's registers. */
  readonly devxRegisters?: boolean;
  /** Whether the firmware knows the objects that logins and DEKs are. */
  readonly cryptoObjects?: boolean;
  readonly gone?: boolean;
  /** The errno that opening the device fails with; 0 for none. */
  readonly openErrno?: number;
  /** Ids of import KEKs to take away, 24 bits each: logins under them turn INVALID. */
  readonly revokeKeks?: readonly number[];
  /** Ids of credentials to take away, 24 bits each: logins under them turn INVALID. */
  readonly revokeCredentials?: readonly number[];
  readonly keks?: readonly OfficerKey[];
  readonly credentials?: readonly OfficerKey[];
  readonly faults?: readonly InjectedFault[];
  readonly dekErrors?: readonly ErrorRule[];
}

export const IMPORT_MODES = ['plaintext', 'wrapped'] as const satisfies readonly ImportMode[];

/**
 * Changes `image` and returns the writes that do the same to the file, in an order that a reader may interrupt
 * anywhere.
 */
export function applySettings(image: Buffer, settings: Settings): ImageWrite[] {
  const writes: ImageWrite[] = [];
  const put = (offset: number, bytes: Uint8Array): void => {
    image.set(bytes, offset);
    writes.push({offset, bytes});
  };
  const number = (offset: number, bytes: 1 | 2 | 4, value: number | undefined, max: number, title: string, min = 0) => {
    if (value === undefined) return;
    assertInteger(value, min, max, title);
    put(offset, le(value, bytes));
  };
  number(IMAGE.wrapped_import, 1, indexIn(IMPORT_MODES, settings.importMode), 1, 'importMode');
  number(IMAGE.state, 1, indexIn(STATES, settings.state), 2, 'state');
  const engines = settings.engines?.reduce((bits, name) => bits | (1 << indexIn(ENGINES, name)!), 0);
  number(IMAGE.engines, 1, engines, 3, 'engines');
  number(IMAGE.failed_selftests, 2, settings.failedSelftests, 0xffff, 'failedSelftests');
  number(IMAGE.log_max_num_deks, 1, settings.logMaxDeks, 31, 'logMaxDeks');
  number(IMAGE.latency_us, 4, settings.latencyUs, 1_000_000, 'latencyUs');
  number(IMAGE.parallel, 1, settings.parallel, LANES, 'parallel', 1);
  for (const [index, kind] of settings.serviceUs ? SERVICES.entries() : []) {
    number(IMAGE.service_us + 4 * index, 4, settings.serviceUs?.[kind] ?? 0, 1_000_000, `serviceUs.${kind}`);
  }
  number(IMAGE.policy, 1, indexIn(POLICIES, settings.policy), 1, 'policy');
  number(IMAGE.tweak, 1, indexIn(TWEAKS, settings.tweak), 2, 'tweak');
  const contrary = settings.contrary?.reduce((bits, n) => bits | (1 << bitOf(n)), 0);
  number(IMAGE.contrary, 2, contrary, 0xffff, 'contrary');
  number(IMAGE.port_down, 1, indexIn(PORTS, settings.port), 1, 'port');
  number(IMAGE.no_gid, 1, settings.gid === undefined ? undefined : Number(!settings.gid), 1, 'gid');
  number(IMAGE.no_loopback, 1, settings.loopback === undefined ? undefined : Number(!settings.loopback), 1, 'loopback');
  const devxRegisters = settings.devxRegisters === undefined ? undefined : Number(settings.devxRegisters);
  number(IMAGE.devx_registers, 1, devxRegisters, 1, 'devxRegisters');
  const noObjects = settings.cryptoObjects === undefined ? undefined : Number(!settings.cryptoObjects);
  number(IMAGE.no_crypto_objects, 1, noObjects, 1, 'cryptoObjects');
  // A NIC that goes takes all objects along: what was opened before belongs to an era that is over.
  if (settings.gone && image[IMAGE.gone] === 0) put(IMAGE.era, le((image.readUInt32LE(IMAGE.era) + 1) >>> 0, 4));
  number(IMAGE.gone, 1, settings.gone === undefined ? undefined : Number(settings.gone), 1, 'gone');
  number(IMAGE.open_errno, 4, settings.openErrno, 4095, 'openErrno');
  for (const id of settings.revokeKeks ?? []) revoke(image, put, IMAGE.kek, id, 'import KEK');
  for (const id of settings.revokeCredentials ?? []) revoke(image, put, IMAGE.credential, id, 'credential');
  for (const key of settings.keks ?? []) load(image, put, IMAGE.kek, key, KEK_BYTES, 'import KEK');
  for (const key of settings.credentials ?? [])
    load(image, put, IMAGE.credential, key, [CREDENTIAL_BYTES], 'credential');
  if (settings.faults) setRules(image, put, IMAGE.fault, settings.faults.map(faultBytes), 'faults');
  const next = image.readUInt32LE(IMAGE.next_object);
  if (settings.dekErrors) {
    setRules(
      image,
      put,
      IMAGE.dek_error,
      settings.dekErrors.map((rule) => dekErrorBytes(rule, next)),
      'DEK errors',
    );
  }
  return writes;
}

type Put = (offset: number, bytes: Uint8Array) => void;

function revoke(image: Buffer, put: Put, table: number, id: number, title: string): void {
  const at = findKey(image, table, id);
  if (at === undefined) {
    throw new DekError('BAD_ARGUMENT', `no ${title} with id 0x${id.toString(16)} on the virtual ConnectX`, {
      hint: 'dek virtual show lists the ids',
    });
  }
  put(at + KEY.valid, le(0, 1));
  put(at + KEY.secret, new Uint8Array(40));
}

function load(
  image: Buffer,
  put: Put,
  table: number,
  {id, secret}: OfficerKey,
  lengths: readonly number[],
  title: string,
): void {
  assertInteger(id, 0, MAX_ID, `${title} id`);
  const bytes = viewBytes(secret, lengths, title);
  if (findKey(image, table, id) !== undefined) {
    throw new DekError('EXISTS', `${title} ${id} is on the virtual ConnectX already`, {
      hint: 'revoke it first',
    });
  }
  const at = slots(table, KEYS, KEY.size).find((offset) => image[offset + KEY.valid] === 0);
  if (at === undefined) throw new DekError('LIMIT', `the virtual ConnectX has no room for another ${title}`);
  put(at + KEY.id, le(id, 4));
  put(at + KEY.generation, le((image.readUInt32LE(at + KEY.generation) + 1) >>> 0, 4));
  put(at + KEY.bytes, le(bytes.length, 1));
  put(at + KEY.role, le(0, 1)); // an officer's
  put(at + KEY.owner, new Uint8Array(8)); // it stays
  put(at + KEY.secret, bytes);
  put(at + KEY.valid, le(1, 1));
}

function setRules(image: Buffer, put: Put, table: number, rules: readonly Buffer[], title: string): void {
  const size = FAULT.size;
  if (rules.length === 0) for (const at of slots(table, RULES, size)) put(at, le(0, 1));
  for (const rule of rules) {
    const free = (offset: number): boolean => image[offset] === 0 || (table === IMAGE.fault && isSpent(image, offset));
    const at = slots(table, RULES, size).find(free);
    if (at === undefined) {
      throw new DekError('LIMIT', `the virtual ConnectX has no room for more than ${RULES} ${title}`, {
        hint: 'clear them first',
      });
    }
    put(at, le(0, 1));
    put(at + 1, rule.subarray(1));
    put(at, le(1, 1));
  }
}

function isSpent(image: Buffer, at: number): boolean {
  return image.readUInt32LE(at + FAULT.left) === 0;
}

function findKey(image: Buffer, table: number, id: number): number | undefined {
  return slots(table, KEYS, KEY.size).find(
    (at) => image[at + KEY.valid] === 1 && image.readUInt32LE(at + KEY.id) === id,
  );
}

/** The offsets of the entries of a table. */
export function slots(table: number, count: number, size: number): number[] {
  return Array.from({length: count}, (_, index) => table + index * size);
}

function bitOf(number: Contrary): number {
  const bit = CONTRARIES.indexOf(number);
  if (bit < 0) throw new DekError('BAD_ARGUMENT', `"contrary" expected numbers of ${CONTRARIES.join(', ')}`);
  return bit;
}

function indexIn<T extends string>(names: readonly T[], name: T | undefined): number | undefined {
  if (name === undefined) return undefined;
  const index = names.indexOf(name);
  if (index < 0) throw new DekError('BAD_ARGUMENT', `"${name}" expected one of ${names.join(', ')}`);
  return index;
}

function le(value: number, bytes: 1 | 2 | 4): Uint8Array {
  const buffer = Buffer.alloc(bytes);
  buffer.writeUIntLE(value, 0, bytes);
  return buffer;
}
