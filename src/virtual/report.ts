/**
 * What a virtual ConnectX says of itself. Never a secret: an import KEK shows as its id and its check value.
 */

import {constants} from 'node:os';
import {toHex, wipe} from '../bytes.js';
import {type ImportMode, ROLES, type Role} from '../dek-layout.js';
import {keyCheckValue} from '../wrap/kcv.js';
import {COMMANDS, OBJECTS, STATUSES} from './faults.js';
import {ALWAYS, DEK_ERROR, FAULT, IMAGE, KEY, KEYS, RULES} from './image-layout.js';
import {type LiveCounters, liveCounters} from './live.js';
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
import {IMPORT_MODES, slots} from './settings.js';

/** How a device of a virtual ConnectX is, and what programs did to it. */
export interface VirtualReport {
  readonly name: string;
  readonly nodeGuid: string;
  readonly importMode: ImportMode;
  readonly state: NicState;
  readonly engines: readonly Engine[];
  /** Bit mask, as in `Caps`. */
  readonly failedSelftests: number;
  /** It has room for 2 to the power of this many DEKs. */
  readonly logMaxDeks: number;
  readonly latencyUs: number;
  /** How many firmware commands run at once. */
  readonly parallel: number;
  readonly serviceUs: ServiceTimes;
  readonly policy: Policy;
  readonly tweak: Tweak;
  /** Assumptions that it does not hold to, by number. */
  readonly contrary: readonly Contrary[];
  readonly port: PortState;
  /** Whether the port has an address. */
  readonly gid: boolean;
  /** Whether the firmware connects a queue pair with itself inside the NIC. */
  readonly loopback: boolean;
  /** Whether the kernel has fwctl for it. */
  readonly fwctl: boolean;
  /** Whether the firmware lets users of DEVX at the officer's registers. */
  readonly devxRegisters: boolean;
  /** Whether the firmware knows the objects that logins and DEKs are. */
  readonly cryptoObjects: boolean;
  readonly gone: boolean;
  /** The C name of the errno that opening fails with, or null. */
  readonly openError: string | null;
  readonly importKeks: readonly {readonly id: number; readonly bytes: number; readonly kcv: string}[];
  readonly credentials: readonly {readonly id: number; readonly role: Role}[];
  readonly faults: readonly FaultReport[];
  readonly dekErrors: readonly DekErrorReport[];
  readonly live: LiveCounters;
  /** Since the device was made. */
  readonly total: {
    readonly contexts: number;
    readonly pds: number;
    readonly logins: number;
    readonly deks: number;
    readonly commands: number;
    readonly refused: number;
    /** Of all send queues. */
    readonly workRequests: number;
    readonly bytesEncrypted: number;
    readonly bytesDecrypted: number;
  };
}

/** A fault that was injected. */
export interface FaultReport {
  readonly command: string;
  readonly object: string;
  readonly status: string;
  /** The code of the firmware that the kernel logs: 32 bits. */
  readonly syndrome: number;
  /** How many more commands it fails. */
  readonly left: number | 'always';
  /** How many times it struck. */
  readonly hits: number;
}

/** A rule by which DEKs turn to ERROR. */
export interface DekErrorReport {
  /** `all`, `id:N` or `opaque:hex:BYTES`. */
  readonly which: string;
  readonly future: boolean;
  /** How many times it struck. */
  readonly hits: number;
}

/** Reads the report of device `name` from a copy of its image. */
function reportOf(name: string, image: Buffer, contexts: string, fwctlThere: boolean): VirtualReport {
  const total = (offset: number): number => Number(image.readBigUInt64LE(offset));
  const openErrno = image.readUInt32LE(IMAGE.open_errno);
  const engines = image[IMAGE.engines]!;
  return {
    name,
    nodeGuid: image.readBigUInt64LE(IMAGE.guid).toString(16).padStart(16, '0').match(/.{4}/g)!.join(':'),
    importMode: IMPORT_MODES[image[IMAGE.wrapped_import]!]!,
    state: STATES[image[IMAGE.state]!]!,
    engines: ENGINES.filter((_, bit) => engines & (1 << bit)),
    failedSelftests: image.readUInt16LE(IMAGE.failed_selftests),
    logMaxDeks: image[IMAGE.log_max_num_deks]!,
    latencyUs: image.readUInt32LE(IMAGE.latency_us),
    parallel: image[IMAGE.parallel]!,
    serviceUs: serviceTimes(image),
    policy: POLICIES[image[IMAGE.policy]!]!,
    tweak: TWEAKS[image[IMAGE.tweak]!]!,
    contrary: CONTRARIES.filter((_, bit) => (image.readUInt16LE(IMAGE.contrary) & (1 << bit)) !== 0),
    port: PORTS[image[IMAGE.port_down]!]!,
    gid: image[IMAGE.no_gid] === 0,
    loopback: image[IMAGE.no_loopback] === 0,
    fwctl: fwctlThere,
    devxRegisters: image[IMAGE.devx_registers] !== 0,
    cryptoObjects: image[IMAGE.no_crypto_objects] === 0,
    gone: image[IMAGE.gone] !== 0,
    openError: openErrno === 0 ? null : errnoName(openErrno),
    importKeks: validKeys(image, IMAGE.kek).map((at) => importKek(image, at)),
    credentials: validKeys(image, IMAGE.credential).map((at) => credential(image, at)),
    faults: activeRules(image, IMAGE.fault).map((at) => faultReport(image, at)),
    dekErrors: activeRules(image, IMAGE.dek_error).map((at) => dekErrorReport(image, at)),
    live: liveCounters(image, contexts),
    total: {
      contexts: total(IMAGE.contexts_made),
      pds: total(IMAGE.pds_made),
      logins: total(IMAGE.logins_made),
      deks: total(IMAGE.deks_made),
      commands: total(IMAGE.commands),
      refused: total(IMAGE.refused),
      workRequests: total(IMAGE.work_requests),
      bytesEncrypted: total(IMAGE.bytes_encrypted),
      bytesDecrypted: total(IMAGE.bytes_decrypted),
    },
  };
}

function serviceTimes(image: Buffer): ServiceTimes {
  const times = SERVICES.map((kind, index) => [kind, image.readUInt32LE(IMAGE.service_us + 4 * index)]);
  return Object.fromEntries(times) as ServiceTimes;
}

/** `EACCES` of 13, or the number when it has no name here. */
function errnoName(errno: number): string {
  return Object.entries(constants.errno).find(([, value]) => value === errno)?.[0] ?? `${errno}`;
}

function importKek(image: Buffer, at: number): {id: number; bytes: number; kcv: string} {
  const bytes = image[at + KEY.bytes]!;
  const kek = image.subarray(at + KEY.secret, at + KEY.secret + bytes);
  return {id: image.readUInt32LE(at + KEY.id), bytes, kcv: toHex(keyCheckValue(kek))};
}

function credential(image: Buffer, at: number): {id: number; role: Role} {
  return {id: image.readUInt32LE(at + KEY.id), role: ROLES[image[at + KEY.role]!] ?? 'user'};
}

/** Those of a length that a key can have: a damaged image may say anything. */
function validKeys(image: Buffer, table: number): number[] {
  const lengths = table === IMAGE.kek ? [16, 32] : [40];
  return slots(table, KEYS, KEY.size).filter(
    (at) => image[at + KEY.valid] === 1 && lengths.includes(image[at + KEY.bytes]!),
  );
}

function activeRules(image: Buffer, table: number): number[] {
  return slots(table, RULES, FAULT.size).filter((at) => image[at] === 1);
}

function faultReport(image: Buffer, at: number): FaultReport {
  const left = image.readUInt32LE(at + FAULT.left);
  return {
    command: nameOf(COMMANDS, image.readUInt16LE(at + FAULT.opcode)) ?? 'any',
    object: nameOf(OBJECTS, image.readUInt16LE(at + FAULT.type)) ?? 'any',
    status: nameOf(STATUSES, image[at + FAULT.status]!) ?? `0x${image[at + FAULT.status]!.toString(16)}`,
    syndrome: image.readUInt32LE(at + FAULT.syndrome),
    left: left === ALWAYS ? 'always' : left,
    hits: Number(image.readBigUInt64LE(at + FAULT.hits)),
  };
}

function dekErrorReport(image: Buffer, at: number): DekErrorReport {
  const opaque = image.subarray(at + DEK_ERROR.opaque, at + DEK_ERROR.opaque + 8);
  const which = ['all', `opaque:hex:${toHex(opaque)}`, `id:${image.readUInt32LE(at + DEK_ERROR.id)}`];
  return {
    which: which[image[at + DEK_ERROR.by]! - 1]!,
    future: image.readUInt32LE(at + DEK_ERROR.before) === ALWAYS,
    hits: Number(image.readBigUInt64LE(at + DEK_ERROR.hits)),
  };
}

function nameOf(table: Readonly<Record<string, number>>, value: number): string | undefined {
  return Object.entries(table).find(([, known]) => known === value)?.[0];
}

/**
 * The report of a device whose image is read by the caller's `read`; the copy is wiped. `contexts` is its directory of
 * contexts; `fwctlThere`: whether sysfs has it.
 */
export function reportFrom(name: string, contexts: string, fwctlThere: boolean, read: () => Buffer): VirtualReport {
  const image = read();
  try {
    return reportOf(name, image, contexts, fwctlThere);
  } finally {
    wipe(image);
  }
}
