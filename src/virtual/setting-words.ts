/**
 * `KEY=VALUE` words, as `dek virtual set` takes them, into settings. Nothing is applied here, so one bad word stops
 * all.
 */

import {constants} from 'node:os';
import {fromHex, hideKey, wipe} from '../bytes.js';
import {CREDENTIAL_BYTES, KEK_BYTES, MAX_ID} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {COMMANDS, type ErrorRule, type InjectedFault, OBJECTS, STATUSES} from './faults.js';
import {CONTRARIES, type Contrary, ENGINES, POLICIES, PORTS, STATES, TWEAKS} from './properties.js';
import {SERVICE_PRESETS, SERVICES, type ServiceTimes} from './service.js';
import {IMPORT_MODES, type OfficerKey, type Settings} from './settings.js';

/** Reads a secret of one of `lengths` bytes from where `source` says: the caller's custody. */
export type SecretReader = (source: string, lengths: readonly number[], title: string) => Promise<Uint8Array>;

/** A key of `KEY=VALUE`: what its value may be and what it does, and how a value goes into the settings. */
interface Key {
  readonly values: string;
  readonly what: string;
  parse(value: string, read: SecretReader): Settings | undefined | Promise<Settings | undefined>;
}

const KEYS: Readonly<Record<string, Key>> = {
  'import-mode': {
    values: IMPORT_MODES.join('|'),
    what: 'how it takes DEKs',
    parse: (value) => one('importMode', oneOf(IMPORT_MODES, value)),
  },
  state: {
    values: STATES.join('|'),
    what: 'an operational NIC takes logins',
    parse: (value) => one('state', oneOf(STATES, value)),
  },
  engines: {
    values: `none|${ENGINES.join('|')}`,
    what: 'its crypto engines, several with commas',
    parse: (value) => one('engines', engines(value)),
  },
  'failed-selftests': integerKey('failedSelftests', 0, 0xffff, 'which self-tests have failed, as a bit mask'),
  'log-max-deks': integerKey('logMaxDeks', 0, 31, 'room for 2 to the power of N DEKs'),
  'latency-us': integerKey('latencyUs', 0, 1_000_000, 'how long each firmware command takes, in microseconds'),
  parallel: integerKey('parallel', 1, 64, 'how many firmware commands run at once'),
  'service-us': {
    values: `${Object.keys(SERVICE_PRESETS).join('|')} | KIND:0..1000000`,
    what:
      'how long, in microseconds, the firmware works at a command of a kind while all others wait, several with ' +
      `commas; KIND: ${SERVICES.join(', ')}`,
    parse: (value) => one('serviceUs', serviceTimes(value)),
  },
  tweak: {
    values: TWEAKS.join('|'),
    what: 'how it counts the tweaks of data units; only ieee-1619 is as other NICs do',
    parse: (value) => one('tweak', oneOf(TWEAKS, value)),
  },
  contrary: {
    values: `none|${CONTRARIES.join('|')}`,
    what: 'numbers of assumptions in docs/virtual-connectx.md that it does not hold to, several with commas',
    parse: (value) => one('contrary', contraries(value)),
  },
  policy: {
    values: POLICIES.join('|'),
    what: 'under fips a DEK whose key1 equals its key2 is refused',
    parse: (value) => one('policy', oneOf(POLICIES, value)),
  },
  port: {values: PORTS.join('|'), what: 'the state of its port', parse: (value) => one('port', oneOf(PORTS, value))},
  gid: yesOrNo('gid', 'whether the port has an address'),
  loopback: yesOrNo('loopback', 'whether it connects a queue pair with itself, as a proof needs'),
  fwctl: yesOrNo('fwctl', "whether the kernel has fwctl, a way to the officer's registers"),
  'devx-registers': yesOrNo('devxRegisters', "whether DEVX is a way to the officer's registers"),
  'crypto-objects': yesOrNo('cryptoObjects', 'whether its firmware knows logins and DEKs'),
  gone: yesOrNo('gone', 'whether it is off the bus'),
  'open-error': {
    values: 'none|ERRNO',
    what: 'what opening it fails with, such as EACCES',
    parse: (value) => one('openErrno', errnoOf(value)),
  },
  kek: {
    values: 'ID:SOURCE',
    what: 'load an import KEK (16 or 32 bytes) under this id',
    parse: async (value, read) => list('keks', await officerKey(value, KEK_BYTES, 'kek', read)),
  },
  credential: {
    values: 'ID:SOURCE',
    what: 'load a credential (40 bytes) under this id',
    parse: async (value, read) => list('credentials', await officerKey(value, [CREDENTIAL_BYTES], 'credential', read)),
  },
  'revoke-kek': {
    values: 'ID',
    what: 'delete this import KEK',
    parse: (value) => list('revokeKeks', integer(value, 0, MAX_ID)),
  },
  'revoke-credential': {
    values: 'ID',
    what: 'delete this credential',
    parse: (value) => list('revokeCredentials', integer(value, 0, MAX_ID)),
  },
  fault: {
    values: 'none | COMMAND[-OBJECT][,status=STATUS][,syndrome=N][,times=N|always]',
    what:
      `let a firmware command fail; COMMAND: any, ${keysOf(COMMANDS).join(', ')}; ` +
      `OBJECT: ${keysOf(OBJECTS).join(', ')}; STATUS: a number, or ${keysOf(STATUSES).join(', ')}`,
    parse: (value) => (value === 'none' ? {faults: []} : list('faults', fault(value))),
  },
  'dek-error': {
    values: 'none | all|id:N|opaque:TEXT|opaque:hex:BYTES[,future]',
    what: 'turn these DEKs to ERROR, with future new ones as well',
    parse: (value) => (value === 'none' ? {dekErrors: []} : list('dekErrors', dekError(value))),
  },
};

/** The keys, what their values may be and what they do, a line each. */
export function settingLines(): string[] {
  return Object.keys(KEYS).map(settingLine);
}

function settingLine(name: string): string {
  return `${name}=${KEYS[name]!.values}: ${KEYS[name]!.what}`;
}

/**
 * Parses `KEY=VALUE` words. The secrets in the result are the caller's to wipe. Throws BAD_ARGUMENT for an unknown key,
 * a bad value, or a setting that is given twice, and whatever `read` throws.
 */
export async function parseSettings(words: readonly string[], read: SecretReader): Promise<Settings> {
  let settings: Settings = {};
  try {
    for (const word of words) settings = merge(settings, await parseWord(word, read), word.split('=')[0]!);
    return settings;
  } catch (error) {
    wipeSettings(settings);
    throw error;
  }
}

/** Wipes the secrets in `settings`. */
export function wipeSettings({keks = [], credentials = []}: Settings): void {
  wipe(...[...keks, ...credentials].map(({secret}) => secret));
}

function contraries(value: string): Contrary[] | undefined {
  if (value === 'none') return [];
  const numbers = value.split(',').map((word) => CONTRARIES.find((number) => `${number}` === word));
  return numbers.includes(undefined) ? undefined : (numbers as Contrary[]);
}

async function parseWord(word: string, read: SecretReader): Promise<Settings> {
  const [name, ...rest] = word.split('=');
  const key = Object.hasOwn(KEYS, name!) ? KEYS[name!] : undefined;
  if (!key || rest.length === 0) {
    throw new DekError(
      'BAD_ARGUMENT',
      key ? `${name} needs a value: ${name}=${key.values}` : `no setting "${hideKey(name!)}"`,
      {hint: key ? key.what : `the settings are ${Object.keys(KEYS).join(', ')}`},
    );
  }
  const settings = await key.parse(rest.join('='), read);
  if (settings) return settings;
  throw new DekError('BAD_ARGUMENT', `not a value of ${name}: ${hideKey(rest.join('='))}`, {
    hint: settingLine(name!),
  });
}

/** Lists grow; a single value given twice, or `none` beside a rule, is a mistake. */
function merge(settings: Settings, more: Settings, name: string): Settings {
  const merged: Record<string, unknown> = {...settings};
  for (const [field, value] of Object.entries(more)) {
    const before = merged[field];
    const lists = Array.isArray(before) && Array.isArray(value) && field !== 'engines';
    if (before !== undefined && (!lists || before.length === 0 || value.length === 0)) {
      throw new DekError('BAD_ARGUMENT', `${name} is given twice`, {hint: 'name each setting once'});
    }
    merged[field] = lists ? [...before, ...value] : value;
  }
  return merged;
}

function one<K extends keyof Settings>(field: K, value: Settings[K] | undefined): Settings | undefined {
  return value === undefined ? undefined : {[field]: value};
}

function list<K extends keyof Settings>(field: K, value: unknown): Settings | undefined {
  return value === undefined ? undefined : {[field]: [value]};
}

function oneOf<T extends string>(names: readonly T[], value: string): T | undefined {
  return names.find((name) => name === value);
}

function integer(text: string, min: number, max: number): number | undefined {
  const value = /^(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(text) ? Number(text) : Number.NaN;
  return value >= min && value <= max ? value : undefined;
}

function integerKey(field: keyof Settings, min: number, max: number, what: string): Key {
  return {values: `${min}..${max}`, what, parse: (value) => one(field, integer(value, min, max))};
}

function yesOrNo(field: keyof Settings, what: string): Key {
  return {values: 'yes|no', what, parse: (value) => one(field, {yes: true, no: false}[value])};
}

function engines(value: string): Settings['engines'] {
  if (value === 'none') return [];
  const names = value.split(',').map((name) => oneOf(ENGINES, name));
  return names.some((name) => name === undefined) ? undefined : (names as Settings['engines']);
}

function serviceTimes(value: string): Settings['serviceUs'] {
  if (Object.hasOwn(SERVICE_PRESETS, value)) return SERVICE_PRESETS[value];
  const times: Partial<Record<keyof ServiceTimes, number>> = {};
  for (const word of value.split(',')) {
    const [name = '', text = '', ...rest] = word.split(':');
    const kind = oneOf(SERVICES, name);
    const us = integer(text, 0, 1_000_000);
    if (!kind || us === undefined || rest.length > 0 || times[kind] !== undefined) return undefined;
    times[kind] = us;
  }
  return times;
}

function errnoOf(value: string): number | undefined {
  return value === 'none' ? 0 : Object.entries(constants.errno).find(([name]) => name === value)?.[1];
}

async function officerKey(
  value: string,
  lengths: readonly number[],
  title: string,
  read: SecretReader,
): Promise<OfficerKey> {
  const [, idText = '', source = ''] = /^(\w+):(.*)$/.exec(value) ?? [];
  const id = integer(idText, 0, MAX_ID);
  if (id === undefined || source === '') {
    // The value is not repeated: a key may stand in it by mistake.
    throw new DekError('BAD_ARGUMENT', `not a value of ${title}`, {
      hint: `${title}=ID:SOURCE, with an id from 0 to 0xffffff and a source such as file:PATH`,
    });
  }
  return {id, secret: await read(source, lengths, title)};
}

function fault(value: string): InjectedFault | undefined {
  const [what = '', ...options] = value.split(',');
  const [commandName = '', objectName] = what.split('-');
  const command = commandName === 'any' ? undefined : oneOf(keysOf(COMMANDS), commandName);
  const object = objectName === undefined ? undefined : oneOf(keysOf(OBJECTS), objectName);
  if (what.split('-').length > 2 || (commandName !== 'any' && !command) || (objectName !== undefined && !object)) {
    return undefined;
  }
  const parsed: {status?: number; syndrome?: number; times?: number | 'always'} = {};
  for (const option of options) {
    const [name = '', text = ''] = option.split('=');
    if (name === 'status') {
      const known = oneOf(keysOf(STATUSES), text.toLowerCase());
      const status = known ? STATUSES[known] : integer(text, 1, 0xff);
      if (status === undefined) return undefined;
      parsed.status = status;
    } else if (name === 'syndrome' || name === 'times') {
      const number = name === 'times' ? integer(text, 1, 0xfffffffe) : integer(text, 0, 0xffffffff);
      if (number === undefined && !(name === 'times' && text === 'always')) return undefined;
      if (name === 'syndrome') parsed.syndrome = number!;
      else parsed.times = number ?? 'always';
    } else {
      return undefined;
    }
  }
  return {...(command ? {command} : {}), ...(object ? {object} : {}), ...parsed};
}

function dekError(value: string): ErrorRule | undefined {
  const future = value.endsWith(',future');
  const which = future ? value.slice(0, -',future'.length) : value;
  if (which === 'all') return {which, future};
  if (which.startsWith('id:')) {
    const id = integer(which.slice(3), 0, 0xffffffff);
    return id === undefined ? undefined : {which: {id}, future};
  }
  if (!which.startsWith('opaque:')) return undefined;
  const text = which.slice('opaque:'.length);
  const opaque = text.startsWith('hex:') ? fromHex(text.slice(4), 'dek-error') : new TextEncoder().encode(text);
  return opaque.length > 8 ? undefined : {which: {opaque}, future};
}

function keysOf<T extends object>(table: T): readonly (keyof T & string)[] {
  return Object.keys(table) as (keyof T & string)[];
}
