/** How commands use an import KEK: read late, wiped at once, named by its key check value. */
import * as Flags from '@oclif/core/flags';
import {toHex, wipe} from '../bytes.js';
import {excludeFromCoreDump} from '../custody/core-dump.js';
import type {Format} from '../custody/encoding.js';
import {readSecret} from '../custody/source.js';
import {KEK_FORMS} from '../custody/sources/table.js';
import {KEK_BYTES} from '../dek-layout.js';
import {keyCheckValue} from '../wrap/kcv.js';
import {formatFlag} from './format-flag.js';

/** `--kek SOURCE` and `--kek-format`: an import KEK. */
export const kekFlags = {
  kek: Flags.string({
    helpValue: 'SOURCE',
    required: true,
    description: `import KEK (16 or 32 bytes): ${KEK_FORMS}`,
  }),
  'kek-format': formatFlag('the KEK'),
};

/** These flags in a line of usage. */
export const KEK_USAGE = '--kek SOURCE [--kek-format FORMAT]';

/** The values of `kekFlags`. */
export interface KekOptions {
  kek: string;
  'kek-format'?: Format | undefined;
}

/**
 * Reads the KEK that `--kek` names and calls `use` with it and with its key check value in hex; it is wiped when that
 * has settled. `title` is what messages call it. From before the first secret byte on, this process's memory stays out
 * of core dumps.
 */
export async function withKek<T>(
  {kek: spec, 'kek-format': format}: KekOptions,
  use: (kek: Uint8Array, kcv: string) => T | Promise<T>,
  title = 'kek',
): Promise<T> {
  excludeFromCoreDump();
  const kek = await readSecret(spec, KEK_BYTES, title, format);
  try {
    return await use(kek, toHex(keyCheckValue(kek)));
  } finally {
    wipe(kek);
  }
}
