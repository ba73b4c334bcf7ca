import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {hideKey, toHex} from '../bytes.js';
import {DekCommand} from '../cli/base.js';
import {deliverStream} from '../cli/output/output.js';
import {countingBytes, parseNotAfter, type SealResult, sealFlags, withChosenKey} from '../cli/seal.js';
import {withCiphertextStream} from '../custody/source.js';
import {SOURCE_FORMS} from '../custody/sources/table.js';
import {assertDistinctStreams} from '../custody/spec.js';
import {seal} from '../seal/envelope.js';
import {assertEnvelopeName, dateText} from '../seal/header.js';

export default class Seal extends DekCommand {
  static override summary = 'seal a file under a name';
  static override description =
    'Writes an envelope, dek-envelope(5), that only dek unseal with the same sealing key and the same name opens: ' +
    'for a KEK, a credential or other data on hosts without systemd credentials. FILE may have any size. Without ' +
    '--with-key the sealing key is that of this host, which the first seal makes: what is sealed with it opens on ' +
    'no other host. An output file is written whole or not at all; output on stdout is valid only if the exit ' +
    'status is 0.';
  static override usage =
    'FILE --name TEXT [--not-after DATE] [--with-key SOURCE [--with-key-format FORMAT]] [--output FILE [--force]] ' +
    '[--json]';
  static override examples = [
    'dek seal kek.bin --name import-kek --output kek.sealed',
    'dek seal - --name import-kek --with-key cred:seal-key --not-after 2027-01-31 < kek.bin > kek.sealed',
  ];
  static override args = {
    file: Args.string({
      required: true,
      ignoreStdin: true,
      description: `data to seal: a path, ${SOURCE_FORMS}`,
    }),
  };
  static override flags = {
    name: Flags.string({
      helpValue: 'TEXT',
      required: true,
      description: 'what the data is; dek unseal has to give the same name',
    }),
    'not-after': Flags.string({
      helpValue: 'DATE',
      description: 'last day (UTC), or time, on which it opens: 2027-01-31, 2027-01-31T12:00:00Z (default: no end)',
    }),
    ...sealFlags,
  };

  async run(): Promise<SealResult> {
    const {args, flags} = await this.parse(Seal);
    const {name, output, 'not-after': date} = flags;
    assertEnvelopeName(name);
    assertDistinctStreams(args.file, flags['with-key']);
    const notAfter = date === undefined ? 0 : parseNotAfter(date, Date.now());
    const json = this.jsonEnabled();
    const onMade = (path: string) => this.note(`made ${path}, the sealing key of this host`);
    return withChosenKey(
      flags,
      async (key) => {
        const bytes = await countingBytes(!json, 'MiB sealed:', (onBytes) =>
          withCiphertextStream(args.file, 'data', (read) =>
            deliverStream(seal(read, key, {name, notAfter, onBytes}), flags, {what: 'an envelope', json}),
          ),
        );
        const keyKcv = toHex(key.kcv);
        const until = notAfter === 0 ? null : dateText(notAfter);
        const upTo = until === null ? '' : `, up to ${until}`;
        this.note(`sealed ${bytes} bytes as "${hideKey(name)}"${upTo}, with the key with KCV ${keyKcv}`);
        return {name, notAfter: until, bytes, keyKcv, output: output ?? null};
      },
      onMade,
    );
  }
}
