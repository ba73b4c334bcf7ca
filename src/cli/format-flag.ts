/** The flags that say how the bytes of a key stand in its source. */
import * as Flags from '@oclif/core/flags';
import {FORMATS} from '../custody/encoding.js';

/** `--kek-format` and the like: how `what` stands. */
export function formatFlag(what: string, relations: {dependsOn?: string[]; exclusive?: string[]} = {}) {
  return Flags.option({
    options: FORMATS,
    description: `how ${what} stands, if its content should not tell`,
    ...relations,
  })();
}
