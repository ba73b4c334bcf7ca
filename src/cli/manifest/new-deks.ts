/** New DEKs in a manifest: what they are called and labelled, by the flags that `dek keygen` and `dek wrap` share. */
import * as Flags from '@oclif/core/flags';
import type {NewDeks} from '../../bulk/make.js';
import {toHex} from '../../bytes.js';
import type {DekLayout} from '../../dek-layout.js';
import {parseOpaque} from '../output/opaque.js';

/**
 * `--first`, which goes with the flags `needs`, and `--opaque`, beside a `--name` that each command describes itself.
 */
export const newDekFlags = (...needs: string[]) => ({
  first: Flags.integer({
    helpValue: 'N',
    min: 0,
    max: 2 ** 31,
    description: 'number that replaces %d in the first name (default: 1)',
    dependsOn: needs,
  }),
  opaque: Flags.string({
    helpValue: 'TEXT',
    description: 'label of up to 8 bytes, stored in the clear with the DEK: text or hex:DIGITS',
    dependsOn: ['name'],
  }),
});

/** The values of these flags, and the pattern of the names. */
export interface NewDekOptions {
  name: string;
  first?: number | undefined;
  opaque?: string | undefined;
}

/** DEKs of this layout under these names. `keytagValue` is the keytag of each, in hex. Throws BAD_ARGUMENT. */
export function newDeks(
  {keySize, keytag}: DekLayout,
  {name, first = 1, opaque = ''}: NewDekOptions,
  keytagValue?: string,
): NewDeks {
  return {keySize, keytag, keytagValue, opaque: toHex(parseOpaque(opaque)), pattern: name, number: first};
}
