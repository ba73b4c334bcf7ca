import * as Args from '@oclif/core/args';
import {toHex} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {type KekOptions, kekFlags, kekSpecs, withKek} from '../../cli/flags/kek.js';
import {KEK_FORMS} from '../../custody/sources/table.js';
import {assertDistinctStreams} from '../../custody/spec.js';
import {DekError} from '../../errors.js';

interface KekShowResult {
  /** null: it cannot be told of this KEK. */
  kcv: string | null;
  bits: number | null;
  /** Key check values of the components, in their order, if it was given in components. */
  components?: string[];
}

export default class KekShow extends DekCommand {
  static override summary = 'show the key check value of an import KEK, and its size';
  static override description =
    'The key check value (KCV) names a KEK without revealing it: the first 5 bytes of AES-CMAC over a block of ' +
    'zeros. It is what a manifest has of the KEK that wrapped it. Nothing else of the KEK is shown.';
  static override usage = [
    'SOURCE [--kek-format FORMAT] [--kcv KCV] [--json]',
    '--kek-component SOURCE --kek-component SOURCE... [--kek-format FORMAT] [--kcv KCV] [--json]',
  ];
  static override examples = [
    'dek kek show file:kek.bin',
    "dek kek show 'cmd:age --decrypt --identity key.txt kek.age'",
    'dek kek show --kek-component file:component-1 --kek-component file:component-2',
  ];
  static override args = {
    source: Args.string({ignoreStdin: true, description: `import KEK (16 or 32 bytes): ${KEK_FORMS}`}),
  };
  static override flags = (({kek: _, ...others}) => others)(kekFlags);

  async run(): Promise<KekShowResult> {
    const {args, flags} = await this.parse(KekShow);
    const options: KekOptions = {...flags, kek: args.source};
    if ((args.source === undefined) === (flags['kek-component'] === undefined)) {
      throw new DekError('BAD_ARGUMENT', 'give either SOURCE or --kek-component', {
        hint: 'dek kek show SOURCE, or dek kek show --kek-component SOURCE --kek-component SOURCE',
      });
    }
    assertDistinctStreams(...kekSpecs(options));
    return withKek(options, async (kek) => {
      const components = kek.componentKcvs?.map(toHex);
      const result = {
        kcv: kek.kcv ? toHex(kek.kcv) : null,
        bits: kek.kekBytes === undefined ? null : 8 * kek.kekBytes,
        ...(components ? {components} : {}),
      };
      for (const [i, kcv] of (components ?? []).entries()) this.log(`component ${i + 1}: KCV ${kcv}`);
      const size = result.bits === null ? 'size unknown' : `${result.bits} bits`;
      this.log(`KCV ${result.kcv ?? 'unknown'}, ${size}`);
      return result;
    });
  }
}
