import * as Args from '@oclif/core/args';
import {toHex, wipe} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {formatFlag} from '../../cli/flags/format-flag.js';
import {KEK_USAGE, type KekResult, kekFlags, kekResult, kekSpecs, withKek} from '../../cli/flags/kek.js';
import {deliver, outputFlags} from '../../cli/output/output.js';
import {nameKek} from '../../cli/output/phrases.js';
import {readSecret} from '../../custody/source.js';
import {SOURCE_FORMS} from '../../custody/sources/table.js';
import {assertDistinctStreams} from '../../custody/spec.js';
import {CREDENTIAL_BYTES} from '../../dek-layout.js';

interface CredentialWrapResult extends KekResult {
  /** The wrapped credential in hex. */
  wrapped: string;
  output: string | null;
}

export default class CredentialWrap extends DekCommand {
  static override summary = 'wrap a credential for a crypto login';
  static override description =
    'Wraps the 40 secret bytes of a credential into the 48 bytes that a login takes. The crypto officer has ' +
    'loaded the credential and the import KEK into the NIC; the login names both by their ids.';
  static override usage =
    `SOURCE ${KEK_USAGE} [--input-format FORMAT] [--output FILE [--force]] [--format FORMAT] [--json]`;
  static override examples = ['dek credential wrap file:credential.bin --kek file:kek.bin --output credential.wrapped'];
  static override args = {
    source: Args.string({
      required: true,
      ignoreStdin: true,
      description: `credential (40 bytes): ${SOURCE_FORMS}`,
    }),
  };
  static override flags = {
    ...kekFlags,
    'input-format': formatFlag('the input'),
    ...outputFlags,
  };

  async run(): Promise<CredentialWrapResult> {
    const {args, flags} = await this.parse(CredentialWrap);
    assertDistinctStreams(args.source, ...kekSpecs(flags));
    return withKek(flags, async (kek) => {
      const credential = await readSecret(args.source, [CREDENTIAL_BYTES], 'credential', flags['input-format']);
      try {
        const wrapped = await kek.wrap(credential, CREDENTIAL_BYTES);
        await deliver(wrapped, flags, this.jsonEnabled());
        this.note(`wrapped a credential into ${wrapped.length} bytes under ${nameKek(kekResult(kek))}`);
        return {wrapped: toHex(wrapped), ...kekResult(kek), output: flags.output ?? null};
      } finally {
        wipe(credential);
      }
    });
  }
}
