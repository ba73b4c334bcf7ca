import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {wipe} from '../../../bytes.js';
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
import {readSecret} from '../../../custody/source.js';
import {SOURCE_FORMS} from '../../../custody/sources/table.js';
import {assertDistinctStreams} from '../../../custody/spec.js';
import {CREDENTIAL_BYTES, ROLES} from '../../../dek-layout.js';
import {exampleWarnings} from '../../../officer/example-keys.js';

interface AddResult extends AdditionResult {
  role: string;
  warnings: readonly string[];
}

export default class OfficerCredentialAdd extends DekCommand {
  static override summary = 'add a credential to a NIC';
  static override description =
    "Adds a credential, wrapped by the import KEK of the officer's login (--kek). With the role user it is for " +
    'hosts, which create DEKs; with the role officer it adds and deletes KEKs and credentials as well. The NIC ' +
    'chooses its id, which is printed. A login names this id, and takes the credential wrapped: dek credential ' +
    'wrap.';
  static override usage =
    `SOURCE --role ROLE ${KEK_USAGE} ${OFFICER_USAGE} [--input-format FORMAT] ${FUNCTION_USAGE} [--json]`;
  static override examples = [
    'dek officer credential add file:host.bin --role user --kek file:kek.bin --credential officer.wrapped ' +
      '--credential-id 0 --import-kek-id 0 --all-ports',
  ];
  static override args = {
    source: Args.string({
      required: true,
      ignoreStdin: true,
      description: `new credential (40 bytes): ${SOURCE_FORMS}`,
    }),
  };
  static override flags = {
    role: Flags.option({
      options: ROLES,
      required: true,
      helpValue: 'ROLE',
      description: 'what a login with it may do: officer or user',
    })(),
    ...kekFlags,
    'input-format': formatFlag('the new credential'),
    ...officerFlags,
    ...functionFlags,
    plan: planFlag,
  };

  async run(): Promise<AddResult> {
    const {args, flags} = await this.parse(OfficerCredentialAdd);
    const {role} = flags;
    assertDistinctStreams(args.source, ...kekSpecs(flags), flags.credential);
    const login = await officerLogin(flags);
    const warnings: string[] = [];
    const wrapped = await withKek(flags, async (kek) => {
      await assertWrappedBy(kek, login.credential);
      const secret = await readSecret(args.source, [CREDENTIAL_BYTES], 'new credential', flags['input-format']);
      try {
        warnings.push(...exampleWarnings(undefined, secret));
        return await kek.wrap(secret, CREDENTIAL_BYTES);
      } finally {
        wipe(secret);
      }
    });
    for (const warning of warnings) this.note(`warning: ${warning}`);
    const how = {...flags, what: 'the wrapped credential'};
    const {result, lines} = await addOrPlan('credential', login, {wrapped, role}, how);
    for (const line of lines) this.log(line);
    return {role, ...result, warnings};
  }
}
