/** Whether a DEK of a manifest is the one that is held: a number that stands for its wrapped bytes and its opaque. */

/**
 * 53 bits that differ, but for one chance in 2^53, when key or opaque differ; never 0. Two FNV-1a hashes of 32 bits with
 * different starts. Not for secrets, and not against those who write the manifest: they could name any key anyway.
 */
export function fingerprint(wrapped: Uint8Array, opaque: Uint8Array): number {
  let [low, high] = [0x811c9dc5, 0x7fb5d329 ^ opaque.length];
  for (const bytes of [wrapped, opaque]) {
    for (let i = 0; i < bytes.length; i++) {
      low = Math.imul(low ^ bytes[i]!, 0x01000193);
      high = Math.imul(high ^ bytes[i]!, 0x85ebca6b) ^ (high >>> 15);
    }
  }
  return ((high >>> 0) & 0x1fffff) * 2 ** 32 + (low >>> 0) || 1;
}
