/** A protection domain, ibv_alloc_pd(3): DEKs and MKeys meet only inside one. */
import {callFailed} from './errno.js';
import type {ContextPtr, Library, PdPtr} from './ffi.js';

export class Pd {
  readonly ptr: PdPtr;
  readonly #lib: Library;

  constructor(lib: Library, context: ContextPtr, device: string) {
    const ptr = lib.ibv_alloc_pd(context);
    if (ptr === null) throw callFailed('pd', lib.errno(), {device});
    this.ptr = ptr;
    this.#lib = lib;
  }

  /** Called only right before the context closes, which frees it as well: a refusal changes nothing. */
  close(): void {
    this.#lib.ibv_dealloc_pd(this.ptr);
  }
}
