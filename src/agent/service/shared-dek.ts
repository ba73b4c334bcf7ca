/** A DEK in a shared context, as a program is shown it. */
import {fromHex} from '../../bytes.js';
import {type KeySize, OPAQUE_BYTES} from '../../dek-layout.js';
import {Flag, type TableEntry} from '../wire/table.js';

/** A DEK in a shared context. */
export interface SharedDek {
  readonly name: string;
  /** 24 bits, for a crypto BSF; 0 while it is absent. */
  readonly objectId: number;
  /** Of the DEVX object in the context. */
  readonly handle: number;
  readonly keySize: KeySize;
  readonly keytag: boolean;
  /** 8 bytes, where the agent knows it: an MKey needs it to use a DEK with a keytag. */
  readonly keytagValue: Uint8Array | undefined;
  /** 8 bytes. */
  readonly label: Uint8Array;
  /** Whether the NIC would not make it, so far. */
  readonly absent: boolean;
  /** Whether known data went through it on this NIC, and came out as it should. */
  readonly proven: boolean;
}

/** An entry of the table. */
export function sharedDek({name, id, handle, keySize, flags, keytagValue, label}: TableEntry): SharedDek {
  return {
    name,
    objectId: id,
    handle,
    keySize,
    keytag: (flags & Flag.KEYTAG) !== 0,
    keytagValue: (flags & Flag.KEYTAG_VALUE) !== 0 && keytagValue ? keytagValue : undefined,
    label: label === '' ? new Uint8Array(OPAQUE_BYTES) : fromHex(label, 'label'),
    absent: (flags & Flag.ABSENT) !== 0,
    proven: (flags & Flag.PROVEN) !== 0,
  };
}
