/** A protection domain, ibv_alloc_pd(3): DEKs and MKeys meet only inside one. */
import {callFailed} from './errno.js';
import type {ContextPtr, Library, PdPtr} from './ffi.js';

export interface Pd {
  readonly ptr: PdPtr;
  /** Called only right before the context closes, which frees it as well: a refusal changes nothing. */
  close(): void;
}

/** How a context comes to its PD. Throws what the refusal means. */
export type PdMaker = (lib: Library, context: ContextPtr, device: string) => Pd;

export const allocPd: PdMaker = (lib, context, device) => {
  const ptr = lib.ibv_alloc_pd(context);
  if (ptr === null) throw callFailed('pd', lib.errno(), {device});
  return {ptr, close: () => void lib.ibv_dealloc_pd(ptr)};
};
