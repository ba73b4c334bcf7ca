import {resolve} from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {connectAgent} from '../agent/client.js';
import type {ApplyPlan, ApplyResult} from '../agent/protocol.js';
import {agentKekFlags, agentSource, queryFlag} from '../cli/agent-options.js';
import {DekCommand} from '../cli/base.js';
import {socketFlag} from '../cli/flags.js';
import {Progress} from '../cli/progress.js';
import {DekError} from '../errors.js';

/** For USAGE: what goes with a manifest and with --reload. */
const OPTIONS =
  '[--dry-run] [--keep-going] [--query | --no-query] [--kek SOURCE [--kek-format FORMAT]] [--socket PATH] [--json]';

export default class Apply extends DekCommand {
  static override summary = 'make the agent hold exactly the DEKs of a manifest';
  static override description =
    'Logs in as the manifest says, creates the DEKs that are missing, replaces those that changed, destroys ' +
    'those that are not in the manifest, and leaves the rest alone. Every new DEK is created before an old one is ' +
    'destroyed. If the NIC refuses one, those created so far are destroyed and the agent holds what it held ' +
    'before. The agent reads the file itself, remembers its path, and heals DEKs from it.';
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
      description: 'keep the DEKs that could be created and list the others; exit with status 4 if any failed',
    }),
    query: queryFlag,
    ...agentKekFlags,
    socket: socketFlag,
  };

  async run(): Promise<ApplyResult> {
    const {args, flags} = await this.parse(Apply);
    if ((args.manifest === undefined) !== Boolean(flags.reload)) {
      throw new DekError('BAD_ARGUMENT', 'name a manifest, or give --reload', {hint: 'see: dek apply --help'});
    }
    const agent = await connectAgent(flags.socket);
    const request = {
      path: args.manifest === undefined ? undefined : resolve(args.manifest),
      kek: agentSource(flags.kek),
      kekFormat: flags['kek-format'],
      dryRun: Boolean(flags['dry-run']),
      keepGoing: Boolean(flags['keep-going']),
      query: flags.query,
    };
    const progress = new Progress(!this.jsonEnabled());
    const result = await agent
      .apply(request, (done, total) => progress.update('created', done, total))
      .finally(() => progress.end());
    this.log(`${flags['dry-run'] ? 'plan' : 'applied'}: ${describePlan(result.plan)}`);
    for (const {line, name, device, message} of result.failed)
      this.log(`failed: line ${line}: ${name}: ${message} (${device})`);
    if (result.failed.length > 0) process.exitCode = 4;
    return result;
  }
}

/** `3 to create, 1 to replace, 2 to destroy, 94 unchanged` */
function describePlan({create, replace, destroy, unchanged}: ApplyPlan): string {
  return `${create} to create, ${replace} to replace, ${destroy} to destroy, ${unchanged} unchanged`;
}
