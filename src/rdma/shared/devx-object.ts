/**
 * The DEVX object behind a DEK or a login object of libmlx5: its handle and object id, which are all that another
 * process needs of it; and the same made anew from them, which is what mlx5dv_devx_obj_import(3) of rdma-core 63 does
 * for objects of one's own. The structure is private: what is read is checked, and refused when it is not what it was
 * in every release from 37 to 65.
 */
import {DekError} from '../../errors.js';
import type {ContextPtr} from '../ffi.js';
import {DEVX_OBJ} from './c-layout.js';
import {type HolderPtr, sharedCalls} from './ffi.js';

/** What the kernel and the NIC know an object by. */
export interface ObjectIds {
  /** In its context. */
  readonly handle: number;
  /** On the NIC: 24 bits of a DEK count. */
  readonly id: number;
}

/** Of what `pointer` points to: a DEK, a login object. Throws UNSUPPORTED when libmlx5 keeps it in another way. */
export function objectIdsOf(context: ContextPtr, pointer: bigint, offset = 0): ObjectIds {
  const ids = objectIdsIfKnown(context, pointer, offset);
  if (ids) return ids;
  throw new DekError('UNSUPPORTED', 'this release of libmlx5 keeps its objects in another way', {
    hint: 'rdma-core 37 to 65 are known: another process cannot be told of a DEK under this one',
  });
}

/** The same; undefined when libmlx5 keeps it in another way. */
export function objectIdsIfKnown(context: ContextPtr, pointer: bigint, offset = 0): ObjectIds | undefined {
  const calls = sharedCalls();
  const object = calls.pointerAt(pointer, offset);
  if (object === null || calls.pointerAt(object, DEVX_OBJ.context) !== context) return undefined;
  return {handle: calls.u32At(object, DEVX_OBJ.handle), id: calls.u32At(object, DEVX_OBJ.object_id)};
}

/** An object of another process as libmlx5 would have it, in memory that it may free. Throws LIMIT. */
export function rebuildObject<P extends bigint>(context: ContextPtr, {handle, id}: ObjectIds): P {
  const calls = sharedCalls();
  const object = calls.calloc(DEVX_OBJ.size);
  const holder = object && calls.calloc(8);
  if (object === null || !holder) throw new DekError('LIMIT', 'out of memory');
  fields.setBigUint64(DEVX_OBJ.context, context, true);
  fields.setUint32(DEVX_OBJ.handle, handle, true);
  fields.setUint32(DEVX_OBJ.object_id, id, true);
  calls.write(object, new Uint8Array(fields.buffer));
  address.setBigUint64(0, object, true);
  calls.write(holder, new Uint8Array(address.buffer));
  return holder as P & HolderPtr;
}

/** Gives the memory of an object back that lives on without this process. */
export function forgetObject(pointer: bigint): void {
  const calls = sharedCalls();
  const object = calls.pointerAt(pointer, 0);
  if (object !== null) calls.free(object);
  calls.free(pointer);
}

const fields = new DataView(new ArrayBuffer(DEVX_OBJ.size));
const address = new DataView(new ArrayBuffer(8));
