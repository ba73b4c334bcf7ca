/**
 * A private key in OpenSSH's own format (PROTOCOL.key), without a passphrase: Ed25519, ECDSA, RSA. Left out: keys with
 * a passphrase and FIDO keys, which sign through ssh-agent; keys in PEM, which ssh-keygen -p converts.
 *
 *     "openssh-key-v1" NUL | string cipher | string kdf | string kdf options | uint32 keys | string public key
 *     string private part: uint32 check | uint32 check again | string type | numbers | string comment | 1, 2, 3 ...
 *
 * The bytes are the caller's, who wipes them; what is made of them here is wiped here. Only the key that node:crypto
 * holds, in the heap of OpenSSL, is left until it is collected.
 */
import {createPrivateKey, sign} from 'node:crypto';
import {secretBytes, viewOf, wipe} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {readBase64} from '../fields/base64.js';
import {derInteger, derItem, derOctets, derSequence} from './der.js';
import {type PublicKey, parsePublicKey} from './public-key.js';
import {remainder} from './remainder.js';
import type {KeyThatSigns} from './sign.js';
import {WireReader, wireInteger, wireString} from './wire.js';

/** The most bytes of such a file: more than an RSA key of 16,384 bits takes. */
export const MAX_PRIVATE_KEY_BYTES = 2 ** 14;

const BEGIN = '-----BEGIN OPENSSH PRIVATE KEY-----';
const END = '-----END OPENSSH PRIVATE KEY-----';
const MAGIC = Buffer.from('openssh-key-v1\0', 'latin1');
/** = in ASCII. */
const PAD = 0x3d;
const BY_AGENT = 'ssh-add KEY, then --key ssh-agent';

/** Object identifiers of the curves, and of Ed25519, in DER. */
const ED25519_OID = Buffer.from('06032b6570', 'hex');
const CURVE_OIDS: Readonly<Record<string, Buffer>> = {
  'ecdsa-sha2-nistp256': Buffer.from('06082a8648ce3d030107', 'hex'),
  'ecdsa-sha2-nistp384': Buffer.from('06052b81040022', 'hex'),
  'ecdsa-sha2-nistp521': Buffer.from('06052b81040023', 'hex'),
};

/** The key in the file `text`, which `name` names in messages. Throws BAD_INPUT. */
export function privateKeyOf(text: Uint8Array, name: string): KeyThatSigns {
  const bytes = unarmor(text, name);
  try {
    const reader = new WireReader(bytes, name);
    if (!MAGIC.equals(reader.take(MAGIC.length))) throw reader.fault('is no private key of OpenSSH');
    const cipher = reader.text();
    for (let i = 0; i < 2; i++) reader.string(); // how the key to the cipher is derived
    if (cipher !== 'none') {
      throw new DekError('BAD_INPUT', `${name} has a passphrase`, {hint: `sign through ssh-agent: ${BY_AGENT}`});
    }
    if (reader.uint32() !== 1) throw reader.fault('holds more than one key');
    const publicKey = parsePublicKey(reader.string(), `${name}: its public key`);
    if (publicKey.application !== null) {
      const hint = `sign through ssh-agent: ${BY_AGENT}`;
      throw new DekError('BAD_INPUT', `${name} is the handle of a FIDO key`, {hint});
    }
    return keyOf(new WireReader(reader.string(), name), publicKey);
  } finally {
    wipe(bytes);
  }
}

function keyOf(reader: WireReader, publicKey: PublicKey): KeyThatSigns {
  const [check, again, name] = [reader.uint32(), reader.uint32(), reader.text()];
  if (check !== again || name !== publicKey.type) throw reader.fault('is damaged');
  const {algorithm, hash, type} = publicKey;
  const scratch: Uint8Array[] = [];
  const keep = (bytes: Uint8Array): Uint8Array => {
    scratch.push(bytes);
    return bytes;
  };
  let key: ReturnType<typeof createPrivateKey>;
  try {
    const der = bufferOf(NUMBERS[algorithm](reader, type, keep));
    const form = {ed25519: 'pkcs8', ecdsa: 'sec1', rsa: 'pkcs1'} as const;
    key = createPrivateKey({key: der, format: 'der', type: form[algorithm]});
  } catch (cause) {
    if (cause instanceof DekError) throw cause;
    throw new DekError('BAD_INPUT', `${publicKey.fingerprint}: the private key is damaged`, {cause});
  } finally {
    wipe(...scratch);
  }
  return {
    publicKey,
    sign: async (bytes) => {
      if (algorithm === 'ed25519') return signatureBlob(type, sign(null, bytes, key));
      if (algorithm === 'rsa') return signatureBlob('rsa-sha2-512', sign('sha512', bytes, key));
      const both = sign(hash!, bytes, {key, dsaEncoding: 'ieee-p1363'});
      const half = both.length / 2;
      return signatureBlob(type, Buffer.concat([both.subarray(0, half), both.subarray(half)].map(wireInteger)));
    },
  };
}

type Keep = (bytes: Uint8Array) => Uint8Array;

/** Reads the numbers of a key, and gives them as node:crypto takes them. */
const NUMBERS: Readonly<Record<PublicKey['algorithm'], (reader: WireReader, type: string, keep: Keep) => Uint8Array>> =
  {
    ed25519: (reader, _, keep) => {
      reader.string();
      const seed = reader.string().subarray(0, 32);
      const algorithm = derSequence(ED25519_OID);
      return keep(derSequence(derInteger(new Uint8Array(1)), algorithm, keep(derOctets(keep(derOctets(seed))))));
    },
    ecdsa: (reader, type, keep) => {
      reader.string();
      reader.string();
      const scalar = keep(derOctets(reader.integer()));
      return keep(derSequence(derInteger(new Uint8Array([1])), scalar, derItem(0xa0, CURVE_OIDS[type]!)));
    },
    rsa: (reader, _, keep) => {
      const [n, e, d, inverse, p, q] = Array.from({length: 6}, () => reader.integer());
      const exponents = [p!, q!].map((prime) => keep(exponentOf(d!, prime)));
      const numbers = [new Uint8Array(1), n!, e!, d!, p!, q!, ...exponents, inverse!];
      return keep(derSequence(...numbers.map((number) => keep(derInteger(number)))));
    },
  };

/** d mod (prime - 1); a prime is odd. */
function exponentOf(d: Uint8Array, prime: Uint8Array): Uint8Array {
  const less = secretBytes(prime.length);
  try {
    less.set(prime);
    less[less.length - 1]! &= 0xfe;
    return remainder(d, less);
  } finally {
    wipe(less);
  }
}

function signatureBlob(type: string, numbers: Uint8Array): Uint8Array {
  return Buffer.concat([wireString(type), wireString(numbers)]);
}

/** The bytes between the two lines of armor, never as a string. Throws BAD_INPUT. */
function unarmor(text: Uint8Array, name: string): Uint8Array {
  const bytes = bufferOf(text);
  const [from, to] = [bytes.indexOf(BEGIN), bytes.indexOf(END)];
  if (from !== 0 || to < 0) throw notOpenSsh(name);
  const digits = secretBytes(text.length);
  try {
    let count = 0;
    for (const byte of text.subarray(BEGIN.length, to)) if (byte > 0x20) digits[count++] = byte;
    if (count === 0 || count % 4 !== 0) throw notOpenSsh(name);
    const padding = digits.subarray(count - 2, count).filter((byte) => byte === PAD).length;
    const decoded = secretBytes((count / 4) * 3 - padding);
    if (readBase64(viewOf(digits.subarray(0, count)), 0, viewOf(decoded), 0, decoded.length)) return decoded;
    wipe(decoded);
    throw notOpenSsh(name);
  } finally {
    wipe(digits);
  }
}

/** The same memory. */
function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

function notOpenSsh(name: string): DekError<'BAD_INPUT'> {
  return new DekError('BAD_INPUT', `${name} is no private key of OpenSSH`, {
    hint: 'ssh-keygen -t ed25519 makes one; ssh-keygen -p -f KEY takes one in PEM to this format',
  });
}
