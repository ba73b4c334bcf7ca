/** How commands use an import KEK: read late, wiped at once, named by its key check value. */
import {toHex, wipe} from '../bytes.js';
import {excludeFromCoreDump} from '../custody/core-dump.js';
import {readSecret} from '../custody/source.js';
import {KEK_BYTES} from '../dek-layout.js';
import {keyCheckValue} from '../wrap/kcv.js';

/**
 * Reads the KEK that `--kek` names and calls `use` with it and with its key check value in hex; it is wiped when that has
 * settled. `title` is what messages call it. From before the first secret byte on, this process's memory stays out of core dumps.
 */
export async function withKek<T>(
  spec: string,
  use: (kek: Uint8Array, kcv: string) => T | Promise<T>,
  title = 'kek',
): Promise<T> {
  excludeFromCoreDump();
  const kek = await readSecret(spec, KEK_BYTES, title);
  try {
    return await use(kek, toHex(keyCheckValue(kek)));
  } finally {
    wipe(kek);
  }
}
