/** Where the frames of an RPMB go. An eMMC has one, mmc.ts; a test may have another. */

/** A message to the memory, and how it is answered. */
export interface Exchange {
  /** Whole frames. */
  readonly frames: Uint8Array;
  /** It writes: the memory is asked for the result afterwards, with one frame. */
  readonly isWrite: boolean;
  /** How many frames the answer has. */
  readonly answers: number;
}

export interface RpmbPort {
  /** What messages call it. */
  readonly name: string;
  /** How many blocks of 256 bytes it has. */
  readonly blocks: number;
  /** Hands the frames over as they are, and returns the answer as it came. Throws what the system says against it. */
  exchange(exchange: Exchange): Uint8Array;
  close(): void;
}
