/**
 * Mailboxes of firmware commands: fields of so many bits, counted from the first byte's highest bit, as the PRM draws
 * them. Numbers and words are big-endian.
 */

/** Where a field begins, and how wide it is: bits. */
export type Field = readonly [at: number, bits: number];

/** Writes a field of up to 32 bits. */
export function putField(mailbox: Uint8Array, [at, bits]: Field, value: number): void {
  for (let i = 0; i < bits; i++) {
    const mask = 0x80 >> ((at + i) % 8);
    const isSet = Math.floor(value / 2 ** (bits - 1 - i)) % 2 === 1;
    mailbox[(at + i) >> 3]! = isSet ? mailbox[(at + i) >> 3]! | mask : mailbox[(at + i) >> 3]! & ~mask;
  }
}

/** Reads a field of up to 32 bits. */
export function getField(mailbox: Uint8Array, [at, bits]: Field): number {
  let value = 0;
  for (let i = at; i < at + bits; i++) value = value * 2 + ((mailbox[i >> 3]! >> (7 - (i % 8))) & 1);
  return value;
}
