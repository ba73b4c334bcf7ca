/**
 * The table that a service presents when it lends again: what the agent before this one left in its context. None of it
 * is believed: each object is asked for by handle and id.
 */
import {readSync} from 'node:fs';
import {toHex} from '../../bytes.js';
import {fstatNow} from '../../files/stat.js';
import {destroyOrder, type ObjectType} from '../../rdma/shared/handles.js';
import type {Sharing} from '../../rdma/shared/sharing.js';
import type {Claim} from '../nic/takeover.js';
import {ProtocolFault} from '../wire/fault.js';
import {isSealed} from '../wire/ffi.js';
import {Flag, type OtherKind, type OtherObject, readTable, type Table} from '../wire/table.js';

/** A table of a million DEKs has 176 MiB. */
const MAX_BYTES = 2 ** 28;

/** Reads a table from a sealed memory file. Throws ProtocolFault. */
export function presentedTable(fd: number): Table {
  if (!isSealed(fd)) throw new ProtocolFault('the table that is presented is no sealed memory');
  const size = Number(fstatNow(fd).size);
  if (size > MAX_BYTES) throw new ProtocolFault('the table that is presented is too large');
  const bytes = Buffer.alloc(size);
  for (let at = 0, got = -1; at < size && got !== 0; at += got) got = readSync(fd, bytes, at, size - at, at);
  return readTable(bytes);
}

/** The DEKs that should be there. */
export function claimsOf({entries, others}: Table): Claim[] {
  const claims = entries.flatMap((entry): Claim[] => {
    const {name, id, handle, keySize, flags, label} = entry;
    const [keytag, wrapped, isDcv] = [Flag.KEYTAG, Flag.WRAPPED, Flag.DCV].map((flag) => (flags & flag) !== 0) as [
      boolean,
      boolean,
      boolean,
    ];
    const keytagValue = (flags & Flag.KEYTAG_VALUE) !== 0 ? toHex(entry.keytagValue!) : null;
    const known = {name, id, handle, keySize, keytag, wrapped, label, identity: entry.identity!, isDcv, keytagValue};
    return id === 0 ? [] : [known];
  });
  return claims.concat(others.filter(({kind}) => kind === 'OLD_DEK').map(oldClaim));
}

/** Old ones have no name that a set may have. */
function oldClaim({id, handle}: OtherObject): Claim {
  return {
    name: `/old/${handle}/${id}`,
    id,
    handle,
    keySize: 256,
    keytag: false,
    wrapped: true,
    label: null,
    identity: new Uint8Array(),
    isDcv: false,
    keytagValue: null,
  };
}

/** What a proof has left, and how the kernel calls it. */
const LEFT: Partial<Record<OtherKind, ObjectType>> = {QP: 'QP', MKEY: 'DEVX_OBJ', MR: 'MR', CQ: 'CQ'};

/** Destroys what an agent that died in the middle of a proof left. */
export function destroyLeft(sharing: Sharing, {others}: Table): void {
  for (const type of destroyOrder) {
    for (const {kind, handle} of others) if (LEFT[kind] === type) sharing.destroy(type, handle);
  }
}

/** The login of the agent before, if there is one. */
export function loginOf({others}: Table): OtherObject | undefined {
  return others.find(({kind}) => kind === 'LOGIN');
}
