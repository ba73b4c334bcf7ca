/** The flags that say how a key is encoded in its source, where its content does not tell. */
import * as Flags from '@oclif/core/flags';
import {FORMATS} from '../../custody/encoding.js';

/** `--kek-format` and the like: the encoding of `what`. */
export function formatFlag(what: string, relations: {dependsOn?: string[]; exclusive?: string[]} = {}) {
  return Flags.option({
    options: FORMATS,
    helpValue: 'FORMAT',
    description: `encoding of ${what}: raw, hex or base64 (default: detected)`,
    ...relations,
  })();
}
