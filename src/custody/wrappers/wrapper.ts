/** What every wrapper has in common: a place where an import KEK stays, and wraps and unwraps there. */
import type {Limit} from '../../deadline.js';
import type {KekHandle} from '../../wrap/kek-handle.js';

/** Reads a text of at most so many bytes from the source `spec`. */
export type ReadText = (spec: string, maxBytes: number, title: string) => Promise<Uint8Array>;

/** How to open a KEK. */
export interface OpenOptions {
  /** What messages call the KEK. */
  readonly title: string;
  /** Its key check value, 5 bytes, as whoever knows it has written it down. */
  readonly kcv?: Uint8Array | undefined;
  /** For a process that serves others: how long it may give nothing. */
  readonly limit?: Limit | undefined;
  /** Reads a secret that it takes to get at the KEK, such as a PIN or a TLS key; the caller wipes it. */
  readonly readSecret: ReadText;
  /** The same of what is no secret, such as a certificate. */
  readonly readPublic: ReadText;
}

/** A file of this folder. */
export interface KekModule {
  /** The KEK that `rest`, what stands behind the scheme and its colon, names. */
  openKek(rest: string, options: OpenOptions): Promise<KekHandle>;
}
