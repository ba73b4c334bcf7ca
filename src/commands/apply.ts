import {resolve} from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {connectAgent} from '../agent/client.js';
import type {ApplyFailure, ApplyPlan, ApplyResult} from '../agent/protocol.js';
import {DekCommand} from '../cli/base.js';
import {agentKekFlags, agentSource, queryFlag, STEPS} from '../cli/flags/agent-options.js';
import {socketFlag} from '../cli/flags/flags.js';
import {proveFlags, proveShare} from '../cli/flags/prove-flags.js';
import {countDeks} from '../cli/output/phrases.js';
import {Progress} from '../cli/output/progress.js';
import {DekError} from '../errors.js';

/** For USAGE: what goes with a manifest and with --reload. */
const OPTIONS =
  '[--dry-run] [--keep-going] [--query | --no-query] [--prove | --prove-share PERCENT] [--replace-key NAME...] ' +
  '[--kek SOURCE [--kek-format FORMAT]] [--socket PATH] [--json]';

export default class Apply extends DekCommand {
  static override summary = 'make the agent hold exactly the DEKs of a manifest';
  static override description =
    'Logs in as the manifest says, creates the DEKs that are missing, replaces those that changed, destroys ' +
    'those that are not in the manifest, and leaves the rest alone. Every new DEK is created before an old one is ' +
    'destroyed. If the NIC refuses one, those created so far are destroyed and the agent holds what it held ' +
    'before. The agent reads the file itself, remembers its path, and heals DEKs from it.\n\n' +
    'With --prove, or if the agent was started with it, the DEKs are proven before the old ones are destroyed: if ' +
    'one is wrong, the agent holds what it held before, and the exit status is 6; if one cannot be proven, it is 7.';
  static override usage = [`MANIFEST ${OPTIONS}`, `--reload ${OPTIONS}`];
  static override examples = [
    'dek apply /etc/dek/manifest',
    {description: 'Show what would be done', command: 'dek apply /etc/dek/manifest --dry-run'},
    {description: 'Apply the changed file again', command: 'dek apply --reload'},
  ];
  static override args = {
    manifest: Args.string({
      ignoreStdin: true,
      description: 'manifest, dek-manifest(5), that the agent can read',
    }),
  };
  static override flags = {
    reload: Flags.boolean({description: 'apply the last manifest again, as it is now'}),
    'dry-run': Flags.boolean({description: 'show the plan and change nothing'}),
    'keep-going': Flags.boolean({
      description:
        'keep the DEKs that could be created, and proven if that was asked for, and list the others; exit with ' +
        'status 4 if any failed, 6 if one is wrong, 7 if one could not be proven',
    }),
    query: queryFlag,
    ...proveFlags,
    'replace-key': Flags.string({
      helpValue: 'NAME',
      multiple: true,
      multipleNonGreedy: true,
      description: 'let this DEK become another key than it was; may be given more than once',
    }),
    ...agentKekFlags,
    socket: socketFlag,
  };

  async run(): Promise<ApplyResult> {
    const {args, flags} = await this.parse(Apply);
    if ((args.manifest === undefined) !== Boolean(flags.reload)) {
      throw new DekError('BAD_ARGUMENT', 'name a manifest, or give --reload', {
        hint: 'dek apply MANIFEST, or dek apply --reload',
      });
    }
    const agent = await connectAgent(flags.socket);
    const request = {
      path: args.manifest === undefined ? undefined : resolve(args.manifest),
      kek: agentSource(flags.kek),
      kekFormat: flags['kek-format'],
      dryRun: Boolean(flags['dry-run']),
      keepGoing: Boolean(flags['keep-going']),
      query: flags.query,
      prove: proveShare(flags),
      replaceKeys: flags['replace-key'],
    };
    const progress = new Progress(!this.jsonEnabled());
    const result = await agent
      .apply(request, (done, total, step) => progress.update(STEPS[step], done, total))
      .finally(() => progress.end());
    this.log(`${flags['dry-run'] ? 'plan' : 'applied'}: ${describePlan(result.plan)}`);
    if (result.untold > 0) this.note(untoldText(result.untold));
    if (result.proven > 0) this.log(`proven: ${countDeks(result.proven)}`);
    for (const {line, name, device, message} of result.failed)
      this.log(`failed: line ${line}: ${name}: ${message} (${device})`);
    process.exitCode = exitStatusOf(result.failed);
    return result;
  }
}

/** 6 where one was shown to be wrong, 4 where the NIC refused one, 7 where nothing was shown of one. */
function exitStatusOf(failed: readonly ApplyFailure[]): number {
  const has = (is: (code: string) => boolean): boolean => failed.some(({code}) => is(code));
  if (has((code) => code === 'PROOF_FAILED')) return 6;
  if (has((code) => code !== 'NOT_PROVABLE')) return 4;
  return failed.length > 0 ? 7 : 0;
}

/** `3 to create, 1 to replace, 0 re-wrapped, 2 to destroy, 94 unchanged` */
function describePlan({create, replace, rewrapped, destroy, unchanged}: ApplyPlan): string {
  const news = `${create} to create, ${replace} to replace, ${rewrapped} re-wrapped`;
  return `${news}, ${destroy} to destroy, ${unchanged} unchanged`;
}

function untoldText(deks: number): string {
  const which = deks === 1 ? '1 DEK to replace is another key' : `${deks} DEKs to replace are other keys`;
  return `warning: cannot tell whether ${which}: a check value (DCV) is missing`;
}
