/**
 * Public keys as OpenSSH writes them (RFC 4253 section 6.6, RFC 5656, RFC 8709, PROTOCOL.u2f): a name and numbers.
 * Ed25519, ECDSA on the three NIST curves, RSA of 2048 bits and more, and the first two in FIDO keys. Left out: DSA,
 * certificates, and keys of web browsers.
 */
import {createHash, createPublicKey, type JsonWebKey, type KeyObject} from 'node:crypto';
import {DekError} from '../../errors.js';
import {WireReader} from './wire.js';

/** How keys of a type sign. */
export type Algorithm = 'ed25519' | 'ecdsa' | 'rsa';

/** A public key that signatures are verified with. */
export interface PublicKey {
  /** `ssh-ed25519` */
  readonly type: string;
  /** As it stands in base64 in a file. */
  readonly blob: Uint8Array;
  /** `SHA256:` and base64, as ssh-keygen -l shows it. */
  readonly fingerprint: string;
  readonly algorithm: Algorithm;
  /** The hash that ECDSA signs with. */
  readonly hash: 'sha256' | 'sha384' | 'sha512' | null;
  /** What a FIDO key signs along, such as `ssh:`; null for others. */
  readonly application: string | null;
  readonly key: KeyObject;
}

/** OpenSSH's name of a curve, its name in a JWK, the bytes of a coordinate, and the hash that goes with it. */
const CURVES = {
  nistp256: {crv: 'P-256', bytes: 32, hash: 'sha256'},
  nistp384: {crv: 'P-384', bytes: 48, hash: 'sha384'},
  nistp521: {crv: 'P-521', bytes: 66, hash: 'sha512'},
} as const;

const ED25519_BYTES = 32;
const UNCOMPRESSED = 4;
const RSA_BITS = {min: 2048, max: 16384};
/** Verifying takes time with it. */
const MAX_EXPONENT_BYTES = 8;

/** `SHA256:...`, by which people know a key. */
export function fingerprintOf(blob: Uint8Array): string {
  return `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`;
}

/** The key in `blob`; `what` is what messages call it. Throws BAD_INPUT. */
export function parsePublicKey(blob: Uint8Array, what: string): PublicKey {
  const reader = new WireReader(blob, what);
  const type = reader.text();
  const {algorithm, hash = null, jwk} = numbersOf(type, reader);
  const application = type.startsWith('sk-') ? reader.text() : null;
  reader.end();
  if (application !== null && !application.startsWith('ssh:')) throw reader.fault('is a FIDO key that is not for SSH');
  const copy = new Uint8Array(blob);
  return {type, blob: copy, fingerprint: fingerprintOf(blob), algorithm, hash, application, key: keyOf(jwk, what)};
}

type Numbers = Pick<PublicKey, 'algorithm'> & {hash?: PublicKey['hash']; jwk: JsonWebKey};

function numbersOf(type: string, reader: WireReader): Numbers {
  switch (type) {
    case 'ssh-ed25519':
    case 'sk-ssh-ed25519@openssh.com':
      return ed25519(reader);
    case 'ecdsa-sha2-nistp256':
    case 'ecdsa-sha2-nistp384':
    case 'ecdsa-sha2-nistp521':
      return ecdsa(reader, type.slice('ecdsa-sha2-'.length));
    case 'sk-ecdsa-sha2-nistp256@openssh.com':
      return ecdsa(reader, 'nistp256');
    case 'ssh-rsa':
      return rsa(reader);
    default:
      throw reader.fault(type.includes('-cert-') ? 'is a certificate, not a key' : 'is of a type that is not known');
  }
}

function ed25519(reader: WireReader): Numbers {
  const x = reader.string();
  if (x.length !== ED25519_BYTES) throw reader.fault('is not as long as an Ed25519 key');
  return {algorithm: 'ed25519', jwk: {kty: 'OKP', crv: 'Ed25519', x: base64url(x)}};
}

function ecdsa(reader: WireReader, name: string): Numbers {
  const {crv, bytes, hash} = CURVES[name as keyof typeof CURVES];
  if (reader.text() !== name) throw reader.fault('names two curves');
  const point = reader.string();
  if (point.length !== 1 + 2 * bytes || point[0] !== UNCOMPRESSED) throw reader.fault('has a point of another form');
  const [x, y] = [base64url(point.subarray(1, 1 + bytes)), base64url(point.subarray(1 + bytes))];
  return {algorithm: 'ecdsa', hash, jwk: {kty: 'EC', crv, x, y}};
}

function rsa(reader: WireReader): Numbers {
  const [e, n] = [reader.integer(), reader.integer()];
  const bits = 8 * n.length - Math.clz32(n[0]!) + 24;
  if (bits < RSA_BITS.min) throw reader.fault(`is an RSA key of ${bits} bits, fewer than ${RSA_BITS.min}`);
  if (bits > RSA_BITS.max) throw reader.fault(`is an RSA key of more than ${RSA_BITS.max} bits`);
  if (e.length > MAX_EXPONENT_BYTES) throw reader.fault('is an RSA key with a long exponent');
  return {algorithm: 'rsa', jwk: {kty: 'RSA', n: base64url(n), e: base64url(e)}};
}

/** Throws BAD_INPUT where it is a point that is not on the curve. */
function keyOf(jwk: JsonWebKey, what: string): KeyObject {
  try {
    return createPublicKey({key: jwk, format: 'jwk'});
  } catch (cause) {
    throw new DekError('BAD_INPUT', `${what} is no key: its numbers do not fit`, {cause});
  }
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
