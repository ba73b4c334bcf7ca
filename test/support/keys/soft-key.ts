/** An Ed25519 key of SSH in this process, for tests that need many signatures and no judge. */
import {generateKeyPairSync, type KeyObject, sign} from 'node:crypto';
import {type AllowedSigners, parseAllowedSigners} from '../../../src/manifest/signature/allowed-signers.js';
import type {Digests} from '../../../src/manifest/signature/digests.js';
import {formatSignature, type Namespace, signedBytes} from '../../../src/manifest/signature/sshsig.js';

export class SoftKey {
  readonly #key: KeyObject;
  readonly blob: Uint8Array;

  constructor() {
    const {privateKey, publicKey} = generateKeyPairSync('ed25519');
    this.#key = privateKey;
    const raw = Buffer.from(publicKey.export({format: 'jwk'}).x!, 'base64url');
    this.blob = Buffer.concat([string('ssh-ed25519'), string(raw)]);
  }

  /** As it stands in a file of allowed signers. */
  get text(): string {
    return `ssh-ed25519 ${Buffer.from(this.blob).toString('base64')}`;
  }

  /** A file of signatures by these keys. */
  static signatures(namespace: Namespace, digests: Digests, keys: readonly SoftKey[]): Uint8Array {
    return Buffer.from(keys.map((key) => key.sign(namespace, digests)).join(''));
  }

  static signers(text: string): AllowedSigners {
    return parseAllowedSigners(Buffer.from(text));
  }

  sign(namespace: Namespace, digests: Digests): string {
    const unsigned = {publicKey: this.blob, namespace, reserved: new Uint8Array(), hash: 'sha512'} as const;
    const numbers = sign(null, signedBytes(unsigned, digests), this.#key);
    return formatSignature({...unsigned, signature: Buffer.concat([string('ssh-ed25519'), string(numbers)])});
  }
}

/** Bytes behind their length. */
function string(value: Uint8Array | string): Buffer {
  const bytes = Buffer.from(value);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(bytes.length);
  return Buffer.concat([length, bytes]);
}
