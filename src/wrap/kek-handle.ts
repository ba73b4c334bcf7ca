/**
 * An import KEK in use, wherever it is: its bytes in this process, a token, a server. Whoever has keys to wrap asks the
 * handle and does not know which. Here is what they have in common, and the handle of bytes.
 */
import {wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import {rewrapKeys, unwrapKeys, wrapKeys} from './bulk.js';
import {cmac} from './cmac.js';
import {keyCheckValue} from './kcv.js';
import {unwrapKey} from './kw.js';

/** Keys go in and come out in columns: of one length, one after the other, as in `wrapKeys`. */
export interface KekHandle {
  /** What messages call it: its title and its source, such as `"kek" file:kek.bin`; nothing of the key. */
  readonly name: string;
  /** 16 or 32; undefined where that cannot be told. */
  readonly kekBytes: number | undefined;
  /** Its key check value, 5 bytes, CMAC-based; undefined where it cannot be told, and nobody has told it. */
  readonly kcv: Uint8Array | undefined;
  /** Those of its components, if it was given in components. */
  readonly componentKcvs?: readonly Uint8Array[] | undefined;
  /** The KEK itself, if it is in this process: then large jobs give it to their threads. Not to be wiped by others. */
  readonly secret: Uint8Array | undefined;

  /** The wrapped keys, 8 bytes longer each. The caller wipes `plaintexts`. */
  wrap(plaintexts: Uint8Array, plaintextBytes: number): Promise<Uint8Array>;

  /**
   * The reverse, in a buffer that the caller wipes. The positions of keys that fail their check are added to `failed`,
   * and their bytes are zero; without it one such key is UNWRAP_FAILED. UNSUPPORTED where the KEK wraps only.
   */
  unwrap(wrapped: Uint8Array, plaintextBytes: number, failed?: number[]): Promise<Uint8Array>;

  /** Whether keys that are taken from this KEK to that one do not come to this process. */
  staysWithin?(to: KekHandle): boolean;

  /** Takes keys from this KEK to another. As `unwrap`, but what comes out is wrapped by `to`. */
  rewrap(to: KekHandle, wrapped: Uint8Array, plaintextBytes: number, failed?: number[]): Promise<Uint8Array>;

  /**
   * Makes keys where the KEK is, and gives them wrapped: nobody has seen them, nor compared their halves.
   * Only where the KEK is not in this process. `names`: what a server that keeps names is to call them.
   */
  generate?(count: number, plaintextBytes: number, names?: readonly string[]): Promise<Uint8Array>;

  /** AES-CMAC of `message` under it, in a buffer that the caller wipes. Only where it can be told. */
  cmac?(message: Uint8Array): Promise<Uint8Array>;

  /** Ends its use, and wipes what there is to wipe. Once is enough; twice does no harm. */
  close(): Promise<void>;
}

/** The handle of a KEK of 16 or 32 bytes in this process, which `close` wipes. */
export class BytesKek implements KekHandle {
  readonly name: string;
  readonly kekBytes: number;
  readonly componentKcvs: readonly Uint8Array[] | undefined;
  readonly #bytes: Uint8Array;
  #isClosed = false;

  #kcv: Uint8Array | undefined;

  /** From here on the buffer `kek` is the handle's. */
  constructor(kek: Uint8Array, name: string, componentKcvs?: readonly Uint8Array[]) {
    this.name = name;
    this.componentKcvs = componentKcvs;
    this.kekBytes = kek.length;
    this.#bytes = kek;
  }

  get kcv(): Uint8Array {
    this.#kcv ??= keyCheckValue(this.secret);
    return this.#kcv;
  }

  get secret(): Uint8Array {
    if (this.#isClosed) throw new DekError('CLOSED', `${this.name} was closed`);
    return this.#bytes;
  }

  async wrap(plaintexts: Uint8Array, plaintextBytes: number): Promise<Uint8Array> {
    return wrapKeys(this.secret, plaintexts, plaintextBytes);
  }

  async unwrap(wrapped: Uint8Array, plaintextBytes: number, failed?: number[]): Promise<Uint8Array> {
    const isOne = failed === undefined && wrapped.length === plaintextBytes + 8;
    return isOne ? unwrapKey(this.secret, wrapped) : unwrapKeys(this.secret, wrapped, plaintextBytes, failed);
  }

  async rewrap(to: KekHandle, wrapped: Uint8Array, plaintextBytes: number, failed?: number[]): Promise<Uint8Array> {
    if (to.secret) return rewrapKeys(this.secret, to.secret, wrapped, plaintextBytes, failed);
    return rewrapHere(this, to, wrapped, plaintextBytes, failed);
  }

  async cmac(message: Uint8Array): Promise<Uint8Array> {
    return cmac(this.secret, message);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    wipe(this.#bytes);
  }
}

/** A re-wrap of which the plaintext passes through this process: for two KEKs that cannot do it between them. */
export async function rewrapHere(
  from: KekHandle,
  to: KekHandle,
  wrapped: Uint8Array,
  plaintextBytes: number,
  failed?: number[],
): Promise<Uint8Array> {
  const bad: number[] = [];
  const plaintexts = await from.unwrap(wrapped, plaintextBytes, failed && bad);
  try {
    const rewrapped = await to.wrap(plaintexts, plaintextBytes);
    for (const position of bad) {
      wipe(rewrapped.subarray(position * (plaintextBytes + 8), (position + 1) * (plaintextBytes + 8)));
      failed?.push(position);
    }
    return rewrapped;
  } finally {
    wipe(plaintexts);
  }
}
