/**
 * What people write for a key in a token: RFC 7512, `pkcs11:token=...;object=...?module-path=...&pin-source=...`. Left
 * out: `module-name`, which needs p11-kit's list of modules; `pin-value`, since others can read a command line.
 */
import {toHex} from '../bytes.js';
import {DekError} from '../errors.js';
import {attributesIn, decoded, decodedBytes, type Wrong} from '../uri-attributes.js';

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
  const wrong: Wrong = (what) => wrongUri(title, what);
  const [path = '', query = '', ...more] = rest.split('?');
  if (more.length > 0) throw wrong('has more than one question mark');
  assertNoPin([...path.split(';'), ...query.split('&')], title);
  const of = attributesIn(path, ';', PATH_ATTRIBUTES, wrong);
  const ask = attributesIn(query, '&', QUERY_ATTRIBUTES, wrong);
  const text = (written: string | undefined) => (written === undefined ? undefined : decoded(written, wrong));
  if ((text(of.get('type')) ?? 'secret-key') !== 'secret-key') throw wrong('has a type other than secret-key');
  if (!of.has('object') && !of.has('id')) throw wrong('names no key: give object= or id=');
  const modulePath = text(ask.get('module-path'));
  if (modulePath === undefined || !modulePath.startsWith('/')) {
    throw wrong('needs the absolute path of a module: ?module-path=/usr/lib/softhsm/libsofthsm2.so');
  }
  const lanes = text(ask.get('x-lanes'));
  if (lanes !== undefined && lanes !== 'aes-ecb') throw wrong('has an x-lanes other than aes-ecb');
  const slotId = text(of.get('slot-id'));
  if (slotId !== undefined && !/^\d{1,15}$/.test(slotId)) throw wrong('has a slot-id that is no number');
  const id = of.get('id');
  const pin = text(ask.get('pin-source'));
  return {
    token: {
      token: text(of.get('token')),
      manufacturer: text(of.get('manufacturer')),
      serial: text(of.get('serial')),
      model: text(of.get('model')),
      slotId: slotId === undefined ? undefined : Number(slotId),
    },
    key: {object: text(of.get('object')), id: id === undefined ? undefined : toHex(decodedBytes(id, wrong))},
    modulePath,
    pinSource: pin?.startsWith('/') ? `file:${pin}` : pin,
    isInLanes: lanes !== undefined,
  };
}

/** What people may have from p11-kit's documents, and what to write here. */
function assertNoPin(parts: readonly string[], title: string): void {
  for (const part of parts) {
    if (part.startsWith('pin-value=')) {
      throw new DekError('UNSAFE_SECRET', `"${title}" has a pin-value: others can read a command line`, {
        hint: 'give the PIN as pin-source=file:PATH, or as another source',
      });
    }
    if (part.startsWith('module-name=')) {
      throw wrongUri(title, 'has a module-name: give the path of the module, module-path=');
    }
  }
}

function wrongUri(title: string, what: string): DekError<'BAD_ARGUMENT'> {
  return new DekError('BAD_ARGUMENT', `"${title}" pkcs11: ${what}`, {
    hint: 'pkcs11:token=NAME;object=NAME?module-path=PATH&pin-source=file:PATH',
  });
}
