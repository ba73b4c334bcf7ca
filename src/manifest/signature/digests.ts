/** What a signature is made of a file: SSHSIG signs its SHA-512, as a rule, or its SHA-256, by which we name it too. */
import {createHash, type Hash} from 'node:crypto';

/** Both of the same bytes. */
export interface Digests {
  readonly sha256: Uint8Array;
  readonly sha512: Uint8Array;
}

/** For bytes that come one after the other. */
export class Digester {
  readonly #sha256: Hash = createHash('sha256');
  readonly #sha512: Hash = createHash('sha512');

  update(chunk: Uint8Array): void {
    this.#sha256.update(chunk);
    this.#sha512.update(chunk);
  }

  /** Once, at the end. */
  digests(): Digests {
    return {sha256: new Uint8Array(this.#sha256.digest()), sha512: new Uint8Array(this.#sha512.digest())};
  }
}

/** Of bytes that are there. */
export function digestsOf(bytes: Uint8Array): Digests {
  const digester = new Digester();
  digester.update(bytes);
  return digester.digests();
}
