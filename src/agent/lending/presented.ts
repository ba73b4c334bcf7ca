/**
 * The table that a service presents when it lends again: what the agent before this one left in its context. None of it
 * is believed: each object is asked for by handle and id.
 */
import {toHex} from '../../bytes.js';
import type {LoginOptions} from '../../dek-layout.js';
import {destroyOrder, type ObjectType} from '../../rdma/shared/handles.js';
import type {Sharing} from '../../rdma/shared/sharing.js';
import type {Nic} from '../nic/nic.js';
import type {Claim} from '../nic/takeover.js';
import {readSealed} from '../wire/ffi.js';
import {Flag, type OtherKind, type OtherObject, readTable, type Table} from '../wire/table.js';

/** Reads a table from a sealed memory file. Throws ProtocolFault. */
export function presentedTable(fd: number): Table {
  return readTable(readSealed(fd));
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
  return claims.concat(namelessOf(others, 'OLD_DEK'));
}

/** DEKs that no service was told of by name: an agent that died while it made them left them. */
export function untoldClaimsOf({others}: Table): Claim[] {
  return namelessOf(others, 'NEW_DEK');
}

function namelessOf(others: readonly OtherObject[], wanted: OtherKind): Claim[] {
  return others.filter(({kind}) => kind === wanted).map(namelessClaim);
}

/** It has no name that a set may have. */
function namelessClaim({id, handle}: OtherObject): Claim {
  return {
    name: `/${handle}/${id}`,
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
export async function destroyLeft(sharing: Sharing, {others}: Table): Promise<void> {
  for (const type of destroyOrder) {
    for (const {kind, handle} of others) if (LEFT[kind] === type) await sharing.destroy(type, handle);
  }
}

/**
 * Takes up the login of the agent before, if there is one and it is VALID; else destroys it, and logs in by `logIn`.
 * `isOther`: it is known to be by another credential than the one that is wanted.
 */
export async function takeUpLogin(
  nic: Nic,
  {others}: Table,
  wanted: LoginOptions,
  {isOther, logIn}: {isOther: boolean; logIn: (wanted: LoginOptions) => Promise<unknown>},
): Promise<void> {
  const object = others.find(({kind}) => kind === 'LOGIN');
  if (object && !isOther && (await nic.login.takeUp(object, wanted))) return;
  if (object) await nic.sharing.destroy('DEVX_OBJ', object.handle);
  await logIn(wanted);
}
