/**
 * DEKs of an agent before this one, in a context that outlived it. What is whole, and the key that is wanted now, is
 * taken instead of made again; what nobody takes is left over. What is claimed is checked: a query names handle and
 * object id, which the kernel compares with what the handle is.
 */
import {createHash} from 'node:crypto';
import {equalBytes, toHex} from '../../bytes.js';
import type {KeySize} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import type {Dek} from '../../rdma/index.js';
import type {Sharing} from '../../rdma/shared/sharing.js';

/** A DEK that is said to be there. */
export interface Claim {
  readonly name: string;
  readonly handle: number;
  readonly id: number;
  readonly keySize: KeySize;
  readonly keytag: boolean;
  readonly wrapped: boolean;
  /** In hex, empty for zeros; null for an old one, which is only to be left over. */
  readonly label: string | null;
  /** What the key is known by: `identityOf`, or its DCV, which says nothing of the keytag. */
  readonly identity: Uint8Array;
  readonly isDcv: boolean;
  /** In hex; null where it is not known. */
  readonly keytagValue: string | null;
}

/** What is wanted. */
export type Wanted = Omit<Claim, 'handle' | 'id' | 'wrapped' | 'isDcv' | 'label'> & {readonly label: string};

const IDENTITY_BYTES = 16;
const NO_LABEL = '0'.repeat(16);
/** Asked for at a time. */
const BATCH = 1024;

/** What tells one wrapped key from another, in whatever process: 16 bytes of its SHA-256. It is ciphertext. */
export function identityOf(wrapped: Uint8Array): Uint8Array {
  return createHash('sha256').update(wrapped).digest().subarray(0, IDENTITY_BYTES);
}

export class Takeover {
  readonly #found = new Map<string, {claim: Claim; dek: Dek; isWhole: boolean}>();
  readonly #sharing: Sharing;
  /** How many were taken. */
  taken = 0;

  private constructor(sharing: Sharing) {
    this.#sharing = sharing;
  }

  /** Finds what is there and READY, under a valid login. What is there and not READY is left over as well. */
  static async find(sharing: Sharing, claims: readonly Claim[]): Promise<Takeover> {
    const takeover = new Takeover(sharing);
    for (let i = 0; i < claims.length; i += BATCH) await takeover.#find(claims.slice(i, i + BATCH));
    return takeover;
  }

  /** The DEK, if it is there and the one that is wanted; it is the caller's from then on. */
  take({name, keySize, keytag, label, identity, keytagValue}: Wanted): Dek | undefined {
    const found = this.#found.get(name);
    if (!found?.isWhole) return undefined;
    const {claim, dek} = found;
    if (claim.keySize !== keySize || claim.keytag !== keytag || claim.label !== label) return undefined;
    if (!equalBytes(claim.identity, identity)) return undefined;
    if (claim.isDcv && keytag && (keytagValue === null || claim.keytagValue !== keytagValue)) return undefined;
    this.#found.delete(name);
    this.taken++;
    return dek;
  }

  /** What nobody took: it may be in use. */
  get left(): readonly {claim: Claim; dek: Dek}[] {
    return [...this.#found.values()];
  }

  async #find(claims: readonly Claim[]): Promise<void> {
    const deks = claims.map((claim) => this.#sharing.adopt(claim));
    const answers = await this.#sharing.queryAll(deks);
    for (const [i, claim] of claims.entries()) {
      const [dek, answer] = [deks[i]!, answers[i]!];
      if (answer instanceof DekError) {
        this.#sharing.disown(dek);
        continue;
      }
      const label = toHex(answer.opaque);
      const isWhole = answer.state === 'READY' && (label === NO_LABEL ? '' : label) === claim.label;
      this.#found.set(claim.name, {claim, dek, isWhole});
    }
  }
}
