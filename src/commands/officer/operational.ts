import * as Flags from '@oclif/core/flags';
import {toHex, wipe} from '../../bytes.js';
import {askYes} from '../../cli/ask.js';
import {DekCommand} from '../../cli/base.js';
import {formatFlag} from '../../cli/flags/format-flag.js';
import {KEK_USAGE, kekFlag, kekFlags, kekSpecs, withKek} from '../../cli/flags/kek.js';
import {namesOf, planFlag} from '../../cli/officer.js';
import {readSecret} from '../../custody/source.js';
import {SOURCE_FORMS} from '../../custody/sources/table.js';
import {assertDistinctStreams} from '../../custody/spec.js';
import {CREDENTIAL_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {functionNamed, functionsOfCard} from '../../officer/card.js';
import {exampleWarnings} from '../../officer/example-keys.js';
import {makeAllOperational, openFunctions, type Step} from '../../officer/operational.js';
import {operationalPlan, type Plan, planLines} from '../../officer/plan.js';
import type {KekHandle} from '../../wrap/kek-handle.js';

interface OperationalResult {
  kekKcv: string;
  /** What was done of each function of the card; empty under --plan. */
  functions: readonly Step[];
  warnings: readonly string[];
  /** Under --plan: what would be written. */
  plan?: Plan;
}

interface OperationalFlags {
  device?: string | undefined;
  only: boolean;
  yes: boolean;
  plan: boolean;
}

export default class OfficerOperational extends DekCommand {
  static override summary = 'take a card from commissioning to operational';
  static override description =
    "Writes the first import KEK and the first credential, which is an officer's, into each port and function of " +
    'the card, both under id 0, and turns it operational, so that it takes logins. That cannot be undone without a ' +
    'token that NVIDIA signs, so it asks at the terminal first. A function that is operational already stays as it ' +
    'is; one whose registers cannot be reached is left alone and named. Functions that only another host sees (the ' +
    'Arm side of a BlueField) have to be made operational there.';
  static override usage =
    `${KEK_USAGE} --credential SOURCE [--credential-format FORMAT] [--device NAME [--only]] [--yes] [--plan] [--json]`;
  static override examples = [
    'dek officer operational --kek file:kek.bin --credential file:credential.bin',
    {
      description: 'What would be written, without a NIC',
      command: 'dek officer operational --kek file:kek.bin --credential file:credential.bin --plan',
    },
  ];
  static override flags = {
    ...kekFlags,
    kek: kekFlag('first import KEK', SOURCE_FORMS),
    credential: Flags.string({
      required: true,
      helpValue: 'SOURCE',
      description: `first credential, not wrapped (40 bytes): ${SOURCE_FORMS}`,
    }),
    'credential-format': formatFlag('the credential'),
    device: Flags.string({
      helpValue: 'NAME',
      description: 'a function of the card: mlx5_0, a PCI address or a node GUID (default: the only card)',
    }),
    only: Flags.boolean({dependsOn: ['device'], description: 'only this function, not the others of the card'}),
    yes: Flags.boolean({description: 'do not ask at the terminal'}),
    plan: planFlag,
  };

  async run(): Promise<OperationalResult> {
    const {flags} = await this.parse(OfficerOperational);
    assertDistinctStreams(...kekSpecs(flags), flags.credential);
    return withKek(flags, async (kek) => {
      const credential = await readSecret(
        flags.credential,
        [CREDENTIAL_BYTES],
        'credential',
        flags['credential-format'],
      );
      try {
        return flags.plan ? await this.#plan(kek, credential) : await this.#write(flags, kek, credential);
      } finally {
        wipe(credential);
      }
    });
  }

  async #plan(kek: KekHandle, credential: Uint8Array): Promise<OperationalResult> {
    const warnings = this.#warn(kek, credential);
    const wrapped = await kek.wrap(credential, CREDENTIAL_BYTES);
    const plan = operationalPlan(bytesOf(kek).length, toHex(kek.kcv!), wrapped);
    for (const line of planLines(plan)) this.log(line);
    return {kekKcv: toHex(kek.kcv!), functions: [], warnings, plan};
  }

  async #write(flags: OperationalFlags, kek: KekHandle, credential: Uint8Array): Promise<OperationalResult> {
    const secret = bytesOf(kek);
    const card = functionsOfCard(flags.device);
    const functions = flags.only ? [functionNamed(flags.device)] : card;
    const warnings = this.#warn(kek, credential);
    const {officers, left} = await openFunctions(functions);
    try {
      for (const {device, error} of left) this.note(`${device} will be left as it is: ${error!.message}`);
      if (!flags.yes) {
        const names = namesOf(officers.map(({info}) => info));
        askYes(
          `${names} will be operational, with the KEK of KCV ${toHex(kek.kcv!)} and this credential. ` +
            'This cannot be undone without a token from NVIDIA.',
        );
      }
      const others = card.filter(({name}) => !functions.some((one) => one.name === name));
      const steps = [
        ...makeAllOperational(officers, secret, credential),
        ...left,
        ...others.map(({name}): Step => ({device: name, outcome: 'left'})),
      ];
      for (const {device, outcome, error} of steps) {
        this.log(`${device}: ${WORDS[outcome]}${error ? `: ${error.message}` : ''}`);
      }
      if (steps.some(({error}) => error !== undefined)) process.exitCode = 4;
      return {kekKcv: toHex(kek.kcv!), functions: steps, warnings};
    } finally {
      for (const officer of officers) officer.close();
    }
  }

  #warn(kek: KekHandle, credential: Uint8Array): string[] {
    const warnings = exampleWarnings(kek.kcv, credential);
    for (const warning of warnings) this.note(`warning: ${warning}`);
    return warnings;
  }
}

const WORDS = {
  done: 'operational; import KEK 0x0, credential 0x0',
  already: 'was operational already, and has kept what it had',
  left: 'left as it is',
  failed: 'failed',
} as const;

/** The register takes the KEK itself. Throws UNSUPPORTED for one that cannot leave its token or server. */
function bytesOf(kek: KekHandle): Uint8Array {
  if (kek.secret) return kek.secret;
  throw new DekError(
    'UNSUPPORTED',
    `${kek.name} cannot leave where it is, and CRYPTO_OPERATIONAL takes the KEK itself`,
    {
      hint: 'begin with another first KEK, and add the one of the token wrapped by it: dek officer kek add --wrapped',
    },
  );
}
