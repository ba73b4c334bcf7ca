/**
 * What the audit tells, an entry of the journal each: who had what done to which DEKs, and what came of it. Nothing in
 * it is secret. dek-events(1) has the fields; the MESSAGE_IDs never change.
 */
import {DekError} from '../errors.js';

/** MESSAGE_ID, systemd.journal-fields(7), by what was done. */
export const MESSAGE_IDS = {
  create: '05283323ebe94c67a0df20da07df6a38',
  replace: '2f276d3beb244b318d635c38e8a765a6',
  heal: '39a63cbb980841219ef2224aef2a89ea',
  prove: 'bbf63e4a50394ac7ac55a6ae0ce17409',
  attach: '067d1f1495c841d199d3cb16fde7b2b9',
  sign: '857e7496a49b4aecb37bb4c011cd6a2c',
  refuse: '4a81d2ecb53d4370834d11990f58374a',
} as const;

export type AuditKind = keyof typeof MESSAGE_IDS;

export const AUDIT_KINDS = Object.keys(MESSAGE_IDS) as AuditKind[];

/** A DEK that an entry names. */
export interface AuditedDek {
  readonly name: string;
  /** Its check value in hex; null where it is not known. */
  readonly dcv: string | null;
}

/** An entry. */
export interface AuditEntry {
  readonly kind: AuditKind;
  /** `ok`, the code of an error, or the verdict of a proof. */
  readonly result: string;
  /** Who asked for it: ids of user and process. */
  readonly uid: number;
  readonly pid: number;
  /** The NIC; undefined where none is concerned. */
  readonly device?: string | undefined;
  readonly deks: readonly AuditedDek[];
  /** The manifest: the set of DEKs in hex, the generation, the digest in hex. */
  readonly manifest?: string | undefined;
  readonly generation?: number | undefined;
  readonly digest?: string | undefined;
  /** Of a refusal: why. Of a signature: the fingerprint of the key. */
  readonly detail?: string | undefined;
}

/** One that was read. */
export interface ReadEntry extends AuditEntry {
  /** ISO 8601, UTC. */
  readonly time: string;
  /** The process that wrote it, as the journal knows it. */
  readonly writer: {readonly uid: number; readonly pid: number};
}

/** The most DEKs of an entry: journald takes a thousand fields. */
export const MAX_DEKS = 256;

const NO_DCV = '-';

/** The fields of an entry, `NAME=value`; those of DEKs stand there once for each. */
export function fieldsOf(entry: AuditEntry): string[] {
  const {kind, result, uid, pid, device, deks, manifest, generation, digest, detail} = entry;
  const fields: (readonly [string, string | number | undefined])[] = [
    ['MESSAGE_ID', MESSAGE_IDS[kind]],
    ['MESSAGE', describeEntry(entry)],
    ['PRIORITY', kind === 'refuse' ? 4 : 5],
    ['SYSLOG_IDENTIFIER', 'dek'],
    ['DEK_KIND', kind],
    ['DEK_RESULT', result],
    ['DEK_UID', uid],
    ['DEK_PID', pid],
    ['DEK_DEVICE', device],
    ['DEK_MANIFEST', manifest],
    ['DEK_GENERATION', generation],
    ['DEK_DIGEST', digest],
    ['DEK_DETAIL', detail],
    ...deks.flatMap(({name, dcv}) => [['DEK_NAME', name] as const, ['DEK_DCV', dcv ?? NO_DCV] as const]),
  ];
  return fields.flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`));
}

/** `create of vol-1 on mlx5_0, generation 3: ok, for user 0, process 4711` */
export function describeEntry({kind, result, uid, pid, device, deks, generation, detail}: AuditEntry): string {
  const [first, ...more] = deks;
  const names = first ? ` of ${first.name}${more.length > 0 ? ` and ${more.length} more` : ''}` : '';
  const where = device === undefined ? '' : ` on ${device}`;
  const which = generation === undefined ? '' : `, generation ${generation}`;
  const why = detail === undefined ? '' : ` (${detail})`;
  return `${kind}${names}${where}${which}: ${result}${why}, for user ${uid}, process ${pid}`;
}

/** The entry in an object as `journalctl --output=json` writes it. Throws BAD_INPUT. */
export function parseEntry(fields: Readonly<Record<string, unknown>>): ReadEntry {
  const all = (name: string): string[] => {
    const value = fields[name] ?? [];
    return (Array.isArray(value) ? value : [value]).filter((one): one is string => typeof one === 'string');
  };
  const text = (name: string): string | undefined => all(name)[0];
  const number = (name: string): number => Number(text(name) ?? Number.NaN);
  const kind = AUDIT_KINDS.find((one) => MESSAGE_IDS[one] === text('MESSAGE_ID'));
  const micros = number('__REALTIME_TIMESTAMP');
  if (!kind || !Number.isFinite(micros))
    throw new DekError('BAD_INPUT', 'journalctl gave something other than an entry');
  const [names, dcvs] = [all('DEK_NAME'), all('DEK_DCV')];
  return {
    time: new Date(micros / 1000).toISOString(),
    kind,
    result: text('DEK_RESULT') ?? '',
    uid: number('DEK_UID'),
    pid: number('DEK_PID'),
    device: text('DEK_DEVICE'),
    deks: names.map((name, i) => ({name, dcv: dcvs[i] === undefined || dcvs[i] === NO_DCV ? null : dcvs[i]})),
    manifest: text('DEK_MANIFEST'),
    generation: text('DEK_GENERATION') === undefined ? undefined : number('DEK_GENERATION'),
    digest: text('DEK_DIGEST'),
    detail: text('DEK_DETAIL'),
    writer: {uid: number('_UID'), pid: number('_PID')},
  };
}
