import * as Args from '@oclif/core/args';
import {toHex} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {DekError} from '../../errors.js';
import {READ_LIMIT} from '../../files/small-file.js';
import {describeEntry, ENROLL} from '../../rollback-index/record.js';
import {RollbackIndex} from '../../rollback-index/rollback-index.js';
import {openStore, STORE_FORMS} from '../../rollback-index/table.js';

interface RollbackIndexShowResult {
  /** Where it is kept. */
  index: string;
  /** The set of DEKs, in hex. */
  id: string;
  /** The highest that this host has accepted. */
  generation: number;
  /** SHA-256 of that manifest in hex. */
  digest: string;
}

export default class RollbackIndexShow extends DekCommand {
  static override summary = 'show which generation of a manifest this host has accepted';
  static override description =
    'An agent that was started with this --rollback-index takes no older generation, and no other content under the ' +
    'same number. Exits with 7 if nothing has been enrolled.';
  static override usage = 'SOURCE [--json]';
  static override examples = ['dek rollback-index show tpm:0x1800020'];
  static override args = {
    source: Args.string({required: true, ignoreStdin: true, description: `where the index is: ${STORE_FORMS}`}),
  };

  async run(): Promise<RollbackIndexShowResult> {
    const {args} = await this.parse(RollbackIndexShow);
    const index = new RollbackIndex(await openStore(args.source));
    const entry = await index.read(READ_LIMIT);
    if (!entry) {
      throw new DekError('NOT_ENROLLED', `the rollback index ${index.name} is empty`, {
        hint: ENROLL,
      });
    }
    const {id, generation, digest} = entry;
    this.log(`${index.name}: ${describeEntry(entry)}, SHA-256 ${toHex(digest)}`);
    return {index: index.name, id: toHex(id), generation, digest: toHex(digest)};
  }
}
