import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {hideKey, toHex} from '../bytes.js';
import {DekCommand} from '../cli/base.js';
import {deliverStream} from '../cli/output/output.js';
import {countingBytes, type SealResult, sealFlags, withChosenKey} from '../cli/seal.js';
import {withCiphertextStream} from '../custody/source.js';
import {SOURCE_FORMS} from '../custody/sources/table.js';
import {assertDistinctStreams} from '../custody/spec.js';
import {openEnvelope} from '../seal/envelope.js';
import {assertEnvelopeName, dateText} from '../seal/header.js';

export default class Unseal extends DekCommand {
  static override summary = 'open a sealed file';
  static override description =
    'Checks that an envelope of dek seal has this name, is whole, was sealed with this key, and has not expired, and ' +
    'writes its data out: to a new file (mode 0600), whole or not at all, or to stdout, where it is valid only if ' +
    'the exit status is 0. The status is 6 for another name, another key or altered data, and 8 for an envelope ' +
    'that has expired.';
  static override usage =
    'FILE --name TEXT [--with-key SOURCE [--with-key-format FORMAT]] [--output FILE [--force]] [--json]';
  static override examples = [
    'dek unseal kek.sealed --name import-kek --output /run/dek/kek',
    'dek unseal kek.sealed --name import-kek | dek keygen --kek - --output data.dek',
  ];
  static override args = {
    file: Args.string({
      required: true,
      ignoreStdin: true,
      description: `envelope: a path, ${SOURCE_FORMS}`,
    }),
  };
  static override flags = {
    name: Flags.string({helpValue: 'TEXT', required: true, description: 'the name that it was sealed under'}),
    ...sealFlags,
  };

  async run(): Promise<SealResult> {
    const {args, flags} = await this.parse(Unseal);
    const {name, output} = flags;
    assertEnvelopeName(name);
    assertDistinctStreams(args.file, flags['with-key']);
    const json = this.jsonEnabled();
    return withChosenKey(flags, (key) =>
      withCiphertextStream(args.file, 'envelope', async (read, title) => {
        let notAfter = 0;
        const bytes = await countingBytes(!json, 'MiB unsealed:', async (onBytes) => {
          const {header, data} = await openEnvelope(read, key, {name, now: Date.now(), title, onBytes});
          notAfter = header.notAfter;
          await deliverStream(data, flags, {what: 'unsealed data', json, isSecret: true});
        });
        this.note(`unsealed ${bytes} bytes of "${hideKey(name)}"`);
        const until = notAfter === 0 ? null : dateText(notAfter);
        return {name, notAfter: until, bytes, keyKcv: toHex(key.kcv), output: output ?? null};
      }),
    );
  }
}
