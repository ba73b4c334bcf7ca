import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {toHex, wipe} from '../../../bytes.js';
import {DekCommand} from '../../../cli/base.js';
import {formatFlag} from '../../../cli/flags/format-flag.js';
import {KEK_USAGE, kekFlags, kekSpecs, withKek} from '../../../cli/flags/kek.js';
import {assertWrappedBy} from '../../../cli/manifest/manifest-header.js';
import {
  type AdditionResult,
  addOrPlan,
  FUNCTION_USAGE,
  functionFlags,
  OFFICER_USAGE,
  officerFlags,
  officerLogin,
  planFlag,
} from '../../../cli/officer.js';
import {readCiphertext, readSecret} from '../../../custody/source.js';
import {SOURCE_FORMS} from '../../../custody/sources/table.js';
import {assertDistinctStreams} from '../../../custody/spec.js';
import {KEK_BYTES, wrappedBytes} from '../../../dek-layout.js';
import {exampleWarnings} from '../../../officer/example-keys.js';
import {keyCheckValue} from '../../../wrap/kcv.js';

interface AddResult extends AdditionResult {
  /** null: of a KEK that came wrapped. */
  kekKcv: string | null;
  warnings: readonly string[];
}

interface NewKek {
  readonly wrapped: Uint8Array;
  readonly kcv: Uint8Array | undefined;
}

export default class OfficerKekAdd extends DekCommand {
  static override summary = 'add an import KEK to a NIC';
  static override description =
    "Adds an import KEK, wrapped by the import KEK of the officer's login (--kek), so that it crosses the bus as " +
    'ciphertext. The NIC chooses its id, which is printed and is what a login names. With --all-ports each port and ' +
    'function gets it under an id of its own; when one refuses, it is taken back from the others.';
  static override usage = [
    `SOURCE ${KEK_USAGE} ${OFFICER_USAGE} [--input-format FORMAT] ${FUNCTION_USAGE} [--json]`,
    `SOURCE --wrapped ${OFFICER_USAGE} [--input-format FORMAT] ${FUNCTION_USAGE} [--json]`,
  ];
  static override examples = [
    'dek officer kek add file:kek-2.bin --kek file:kek.bin --credential officer.wrapped --credential-id 0 ' +
      '--import-kek-id 0 --all-ports',
    {
      description: 'One that a token has wrapped',
      command:
        'dek officer kek add file:kek-2.wrapped --wrapped --credential officer.wrapped --credential-id 0 ' +
        '--import-kek-id 0',
    },
  ];
  static override args = {
    source: Args.string({
      required: true,
      ignoreStdin: true,
      description: `new import KEK (16 or 32 bytes): ${SOURCE_FORMS}`,
    }),
  };
  static override flags = {
    ...kekFlags,
    wrapped: Flags.boolean({
      exclusive: ['kek', 'kek-component', 'kek-format', 'kcv'],
      description: 'the new KEK is wrapped already (24 or 40 bytes), by the import KEK of the login',
    }),
    'input-format': formatFlag('the new KEK'),
    ...officerFlags,
    ...functionFlags,
    plan: planFlag,
  };

  async run(): Promise<AddResult> {
    const {args, flags} = await this.parse(OfficerKekAdd);
    assertDistinctStreams(args.source, ...kekSpecs(flags), flags.credential);
    const login = await officerLogin(flags);
    const format = flags['input-format'];
    const {wrapped, kcv}: NewKek = flags.wrapped
      ? {wrapped: await readCiphertext(args.source, KEK_BYTES.map(wrappedBytes), 'wrapped KEK', format), kcv: undefined}
      : await withKek(flags, async (kek) => {
          await assertWrappedBy(kek, login.credential);
          const secret = await readSecret(args.source, KEK_BYTES, 'new KEK', format);
          try {
            return {wrapped: await kek.wrap(secret, secret.length), kcv: keyCheckValue(secret)};
          } finally {
            wipe(secret);
          }
        });
    const warnings = exampleWarnings(kcv);
    for (const warning of warnings) this.note(`warning: ${warning}`);
    const kekKcv = kcv ? toHex(kcv) : null;
    const what = kekKcv === null ? 'the wrapped KEK' : `the KEK with KCV ${kekKcv}, wrapped`;
    const {result, lines} = await addOrPlan('kek', login, {wrapped}, {...flags, what});
    for (const line of lines) this.log(line);
    return {kekKcv, ...result, warnings};
  }
}
