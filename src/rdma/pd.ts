/** A protection domain, ibv_alloc_pd(3): DEKs and MKeys meet only inside one. */
import {C, MLX5DV_OBJ, MLX5DV_OBJ_ROOM, MLX5DV_PD} from './c-layout.js';
import type {ContextPtr, Library, PdPtr} from './ffi.js';
import {callFailed} from './refusal/errno.js';
import {call, type Steps} from './steps.js';

export interface Pd {
  readonly ptr: PdPtr;
  /** Called only right before the context closes, which frees it as well: a refusal changes nothing. */
  close(): Steps<unknown>;
}

/** How a context comes to its PD. Throws what the refusal means. */
export type PdMaker = (lib: Library, context: ContextPtr, device: string) => Steps<Pd>;

export const allocPd: PdMaker = function* (lib, context, device) {
  const {result: ptr, errno} = yield* call(lib.ibv_alloc_pd, context);
  if (ptr === null) throw callFailed('pd', errno, {device});
  return {ptr, close: () => call(lib.ibv_dealloc_pd, ptr)};
};

/** The number that the NIC has for a PD: mlx5dv_init_obj(3). */
export function pdNumber(lib: Library, pd: PdPtr): number {
  const out = new Uint8Array(new ArrayBuffer(MLX5DV_PD.size));
  const obj = new Uint8Array(new ArrayBuffer(MLX5DV_OBJ_ROOM));
  const view = new DataView(obj.buffer);
  view.setBigUint64(MLX5DV_OBJ['pd.in'], pd, true);
  view.setBigUint64(MLX5DV_OBJ['pd.out'], lib.addressOf(out), true);
  const errno = lib.mlx5dv_init_obj(obj, C.MLX5DV_OBJ_PD);
  if (errno !== 0) throw callFailed('pd', errno, {device: ''});
  return new DataView(out.buffer).getUint32(MLX5DV_PD.pdn, true);
}
