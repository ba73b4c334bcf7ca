import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {askYes} from '../../cli/ask.js';
import {DekCommand} from '../../cli/base.js';
import {idFlag, socketFlag} from '../../cli/flags/flags.js';
import {formatFlag} from '../../cli/flags/format-flag.js';
import {withKek} from '../../cli/flags/kek.js';
import {describeId} from '../../cli/output/describe.js';
import {holdRotation, removeJournal, writeJournal} from '../../cli/rotation/journal.js';
import {openRotation, type Rotation} from '../../cli/rotation/rotation.js';
import {STEPS, type Step} from '../../cli/rotation/steps.js';
import {readCiphertext} from '../../custody/source.js';
import {KEK_FORMS, SOURCE_FORMS} from '../../custody/sources/table.js';
import {assertDistinctStreams} from '../../custody/spec.js';
import {WRAPPED_CREDENTIAL_BYTES} from '../../dek-layout.js';
import {DekError, withMessage} from '../../errors.js';
import {readHeader} from '../../manifest/read.js';
import type {KekHandle} from '../../wrap/kek-handle.js';

interface RotateResult {
  manifest: string;
  fromKcv: string;
  toKcv: string;
  devices: readonly string[];
  /** Of the new KEK on the NICs; null: it was not added (--dry-run). */
  importKekId: number | null;
  /** done: now; before: it was done already; to-do: under --dry-run. */
  steps: readonly {step: Step['name']; outcome: 'done' | 'before' | 'to-do'}[];
}

interface RotateFlags {
  'credential-id': number;
  kept: string[];
  wait: number;
  yes: boolean;
  'dry-run': boolean;
  socket?: string | undefined;
}

export default class OfficerRotate extends DekCommand {
  static override summary = 'replace the import KEK of a manifest and its NICs';
  static override description =
    'Adds the new KEK to the NICs of the manifest, writes the login under it into the manifest as the next one and ' +
    'tries it on a context of its own, re-wraps the manifest, has the agent of this host apply it, which makes no ' +
    'DEK anew, waits until no manifest and no login of this host names the old KEK, and deletes that KEK. Every ' +
    'step is shown first, and confirmed at the terminal. A rotation that was interrupted goes on with the same ' +
    'command: MANIFEST.rotation keeps its progress. Until the last step both KEKs are in the NICs, and services go ' +
    'on throughout. A manifest that is signed has to be signed again after the re-wrap: the agent refuses it until ' +
    'then, and the rotation goes on once it is. Other hosts with the same NICs, and other credentials of officers ' +
    'under the old KEK, are not taken care of.';
  static override usage =
    'MANIFEST --from SOURCE [--from-format FORMAT] --to SOURCE [--to-format FORMAT] --credential FILE ' +
    '--credential-id ID [--kept PATH...] [--wait SECONDS] [--dry-run] [--yes] [--socket PATH] [--json]';
  static override examples = [
    'dek officer rotate fleet.manifest --from file:kek-1.bin --to file:kek-2.bin --credential officer.wrapped ' +
      '--credential-id 0',
    {
      description: 'What would be done',
      command:
        'dek officer rotate fleet.manifest --from file:kek-1.bin --to file:kek-2.bin --credential officer.wrapped ' +
        '--credential-id 0 --dry-run',
    },
  ];
  static override args = {
    manifest: Args.string({required: true, ignoreStdin: true, description: 'manifest of this host'}),
  };
  static override flags = {
    from: Flags.string({
      required: true,
      helpValue: 'SOURCE',
      description: `old import KEK (16 or 32 bytes): ${KEK_FORMS}`,
    }),
    'from-format': formatFlag('the old KEK'),
    to: Flags.string({
      required: true,
      helpValue: 'SOURCE',
      description: `new import KEK (16 or 32 bytes): ${SOURCE_FORMS}`,
    }),
    'to-format': formatFlag('the new KEK'),
    credential: Flags.string({
      required: true,
      helpValue: 'FILE',
      description: `the officer's credential, wrapped by the old KEK (48 bytes): a path, ${SOURCE_FORMS}`,
    }),
    'credential-id': idFlag({required: true, description: "id of the officer's credential on the NIC"}),
    kept: Flags.string({
      helpValue: 'PATH',
      multiple: true,
      multipleNonGreedy: true,
      default: [],
      description:
        'another manifest, or directory of them, that must not name the old KEK; may be given more than once',
    }),
    wait: Flags.integer({
      helpValue: 'SECONDS',
      default: 60,
      min: 0,
      max: 86_400,
      description: 'seconds to wait until nothing names the old KEK',
    }),
    'dry-run': Flags.boolean({description: 'only show the steps'}),
    yes: Flags.boolean({description: 'do not ask at the terminal'}),
    socket: socketFlag,
  };

  async run(): Promise<RotateResult> {
    const {args, flags} = await this.parse(OfficerRotate);
    assertDistinctStreams(flags.from, flags.to, flags.credential);
    const credential = await readCiphertext(flags.credential, [WRAPPED_CREDENTIAL_BYTES], 'wrapped credential');
    return withKek(
      {kek: flags.from, 'kek-format': flags['from-format']},
      (from) =>
        withKek(
          {kek: flags.to, 'kek-format': flags['to-format']},
          async (to) => {
            const lock = flags['dry-run'] ? undefined : holdRotation(args.manifest);
            try {
              return await this.#rotate(args.manifest, flags, credential, from, to);
            } finally {
              lock?.release();
            }
          },
          'to',
        ),
      'from',
    );
  }

  async #rotate(
    manifest: string,
    flags: RotateFlags,
    credential: Uint8Array,
    ...[from, to]: [KekHandle, KekHandle]
  ): Promise<RotateResult> {
    const rotation = await openRotation({
      manifest,
      from,
      to,
      credential,
      credentialId: flags['credential-id'],
      kept: flags.kept,
      socket: flags.socket,
      waitSeconds: flags.wait,
      isShown: !this.jsonEnabled(),
    });
    const header = await readHeader(rotation.manifest);
    const done = new Set(STEPS.filter((step) => step.isDone?.(rotation, header)));
    for (const [i, step] of STEPS.entries()) {
      this.log(`${i + 1}. ${step.tell(rotation)}${done.has(step) ? ' (done)' : ''}`);
    }
    if (flags['dry-run']) return resultOf(rotation, (step) => (done.has(step) ? 'before' : 'to-do'));
    if (!flags.yes) askYes('These steps will be taken.');
    if (!rotation.isBegun) await writeJournal(rotation.journal, rotation.progress);
    for (const [i, step] of STEPS.entries()) {
      if (done.has(step)) continue;
      await step.run(rotation).catch((error: unknown) => {
        throw stopped(error, i + 1);
      });
    }
    await removeJournal(rotation.journal);
    this.log(`rotated to import KEK ${describeId(rotation.progress.newId!)}, KCV ${rotation.toKcv}`);
    this.note('officers log in under the new KEK from now on: dek credential wrap makes what they need');
    return resultOf(rotation, (step) => (done.has(step) ? 'before' : 'done'));
  }
}

function resultOf(
  {manifest, fromKcv, toKcv, functions, progress}: Rotation,
  outcome: (step: Step) => 'done' | 'before' | 'to-do',
): RotateResult {
  const steps = STEPS.map((step) => ({step: step.name, outcome: outcome(step)}));
  return {manifest, fromKcv, toKcv, devices: functions.map(({name}) => name), importKekId: progress.newId, steps};
}

/** The error of a step, with how to go on. */
function stopped(error: unknown, step: number): unknown {
  if (!(error instanceof DekError)) return error;
  const goOn = 'the same command goes on from there';
  const hint = error.hint === undefined ? goOn : `${error.hint}; ${goOn}`;
  return withMessage(error, `step ${step} of the rotation: ${error.message}`, hint);
}
