/**
 * What people write for a key in a token: RFC 7512, `pkcs11:token=...;object=...?module-path=...&pin-source=...`. Left
 * out: `module-name`, which needs p11-kit's list of modules; `pin-value`, since others can read a command line.
 */
import {orList} from '../bytes.js';
import {DekError} from '../errors.js';

/** Which token: what is given has to be so. */
export interface TokenQuery {
  readonly token?: string | undefined;
  readonly manufacturer?: string | undefined;
  readonly serial?: string | undefined;
  readonly model?: string | undefined;
  readonly slotId?: number | undefined;
}

/** Which key in it. */
export interface KeyQuery {
  /** CKA_LABEL */
  readonly object?: string | undefined;
  /** CKA_ID in hex */
  readonly id?: string | undefined;
}

/** A whole URI. */
export interface Pkcs11Uri {
  readonly token: TokenQuery;
  readonly key: KeyQuery;
  readonly modulePath: string;
  /** A source of a secret, as everywhere: `file:PATH`, `cred:NAME` ... */
  readonly pinSource: string | undefined;
  /** Whether many keys at once may go through the token's AES-ECB. */
  readonly isInLanes: boolean;
}

/** RFC 7512 section 2.3. */
const PATH_ATTRIBUTES = ['token', 'manufacturer', 'serial', 'model', 'slot-id', 'object', 'id', 'type'] as const;
/** `x-lanes` is ours: vendors may have attributes, section 2.3. */
const QUERY_ATTRIBUTES = ['module-path', 'pin-source', 'x-lanes'] as const;

/** What stands behind `pkcs11:`, taken apart. Nothing of it is repeated that may be a PIN. Throws BAD_ARGUMENT. */
export function parsePkcs11Uri(rest: string, title: string): Pkcs11Uri {
  const [path = '', query = '', ...more] = rest.split('?');
  if (more.length > 0) throw wrong(title, 'has more than one question mark');
  const of = attributesOf(path, ';', PATH_ATTRIBUTES, title);
  const ask = attributesOf(query, '&', QUERY_ATTRIBUTES, title);
  if ((of.get('type') ?? 'secret-key') !== 'secret-key') throw wrong(title, 'has a type other than secret-key');
  if (!of.has('object') && !of.has('id')) throw wrong(title, 'names no key: give object= or id=');
  const modulePath = ask.get('module-path');
  if (modulePath === undefined || !modulePath.startsWith('/')) {
    throw wrong(title, 'needs the absolute path of a module: ?module-path=/usr/lib/softhsm/libsofthsm2.so');
  }
  const lanes = ask.get('x-lanes');
  if (lanes !== undefined && lanes !== 'aes-ecb') throw wrong(title, 'has an x-lanes other than aes-ecb');
  const slotId = of.get('slot-id');
  if (slotId !== undefined && !/^\d{1,15}$/.test(slotId)) throw wrong(title, 'has a slot-id that is no number');
  const pin = ask.get('pin-source');
  return {
    token: {
      token: of.get('token'),
      manufacturer: of.get('manufacturer'),
      serial: of.get('serial'),
      model: of.get('model'),
      slotId: slotId === undefined ? undefined : Number(slotId),
    },
    key: {object: of.get('object'), id: idOf(path)},
    modulePath,
    pinSource: pin?.startsWith('/') ? `file:${pin}` : pin,
    isInLanes: lanes !== undefined,
  };
}

function attributesOf<Name extends string>(
  text: string,
  separator: string,
  names: readonly Name[],
  title: string,
): Map<Name, string> {
  const found = new Map<Name, string>();
  for (const part of text.split(separator)) {
    if (part === '') continue;
    const at = part.indexOf('=');
    const name = part.slice(0, Math.max(at, 0));
    if (name === 'pin-value') {
      throw new DekError('UNSAFE_SECRET', `"${title}" has a pin-value: others can read a command line`, {
        hint: 'give the PIN as pin-source=file:PATH, or as another source',
      });
    }
    if (name === 'module-name') throw wrong(title, 'has a module-name: give the path of the module, module-path=');
    if (!(names as readonly string[]).includes(name)) {
      throw wrong(title, `has an attribute that is not known here; there are ${orList(names)}`);
    }
    if (found.has(name as Name)) throw wrong(title, `has ${name} twice`);
    found.set(name as Name, decoded(part.slice(at + 1), title));
  }
  return found;
}

/** The id as hex: it is bytes, which may be no text. */
function idOf(path: string): string | undefined {
  const [, text] = /(?:^|;)id=([^;]*)/.exec(path) ?? [];
  if (text === undefined) return undefined;
  const bytes = [...text.matchAll(/%([0-9a-f]{2})|([^%])/gi)];
  return bytes.map(([, hex, plain]) => hex?.toLowerCase() ?? Buffer.from(plain!).toString('hex')).join('');
}

/** RFC 3986 section 2.1. The bytes of an id are read elsewhere: they need not be UTF-8. */
function decoded(text: string, title: string): string {
  if (!/^(?:[^%]|%[0-9a-f]{2})*$/i.test(text)) throw wrong(title, 'has a % that no two hex digits follow');
  try {
    return decodeURIComponent(text);
  } catch {
    return '';
  }
}

function wrong(title: string, what: string): DekError<'BAD_ARGUMENT'> {
  return new DekError('BAD_ARGUMENT', `"${title}" pkcs11: ${what}`, {
    hint: 'pkcs11:token=NAME;object=NAME?module-path=PATH&pin-source=file:PATH',
  });
}
