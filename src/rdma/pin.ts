/** Loading the libraries so that they stay, and the reason when one cannot be loaded. */
import {DekError} from '../errors.js';
import type {Koffi} from '../koffi.js';

/** What <dlfcn.h> calls RTLD_NOW | RTLD_NODELETE. */
const RTLD_NOW_NODELETE = 0x1002;

/**
 * Koffi closes a library when its handle is garbage-collected; libmlx5 has registered itself with libibverbs by then,
 * and the next ibv_get_device_list calls into nothing. RTLD_NODELETE keeps both for the life of the process, also when
 * a worker thread that loaded them ends. dlopen(3) itself also gives a reason when it fails; Koffi's load does not.
 */
export function pin(koffi: Koffi, names: readonly string[]): void {
  const self = koffi.load(null);
  const dlopen = self.func('dlopen', 'void *', ['str', 'int']);
  const dlerror = self.func('dlerror', 'str', []);
  for (const name of names) {
    if (dlopen(name, RTLD_NOW_NODELETE) === null) throw loadFailed(name, dlerror() as string | null);
  }
}

/** The error for a library that dlopen(3) refused, from dlerror(3)'s text. */
export function loadFailed(name: string, reason: string | null): DekError<'NO_LIBRARY' | 'MIXED_LIBRARIES'> {
  const text = reason ?? 'no reason given';
  if (/version `\S+' not found/.test(text)) {
    return new DekError('MIXED_LIBRARIES', `libibverbs and libmlx5 are of different releases: ${text}`, {
      hint: 'install libibverbs1 and ibverbs-providers of one release; look for a second copy in LD_LIBRARY_PATH',
    });
  }
  return new DekError('NO_LIBRARY', `${name} cannot be loaded: ${text}`, {
    hint: 'install the Debian packages libibverbs1 and ibverbs-providers',
  });
}
