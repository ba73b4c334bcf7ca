import * as Args from '@oclif/core/args';
import {counted, toHex} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {idFlag, socketFlag} from '../../cli/flags/flags.js';
import {parseKcv} from '../../cli/flags/hex-flag.js';
import {kekUsage, type KekUsage as Usage, usageLines} from '../../cli/kek-usage.js';

interface UsageResult extends Usage {
  kcv: string;
  /** Whether nothing names it. */
  unused: boolean;
}

export default class KekUsage extends DekCommand {
  static override summary = 'tell who on this host still names an import KEK';
  static override description =
    'Looks for an import KEK, by its key check value (KCV), in the manifest of the running agent, in the manifests ' +
    'that are named, and in the logins of the agent and of the services that lend it contexts. A directory stands ' +
    'for the manifests in it, kept generations as well. Exits with 0 when nothing names the KEK, and with 5 when ' +
    'something does: then it must not be deleted from the NIC. Other hosts are not asked.';
  static override usage = 'KCV [MANIFEST...] [--import-kek-id ID] [--socket PATH] [--json]';
  static override examples = ['dek kek usage c1d29b9744', 'dek kek usage c1d29b9744 /etc/dek /var/lib/dek'];
  static override strict = false;
  static override args = {
    kcv: Args.string({required: true, ignoreStdin: true, description: 'key check value, 10 hex digits'}),
    manifest: Args.string({ignoreStdin: true, description: 'manifests to look at, or directories of them'}),
  };
  static override flags = {
    'import-kek-id': idFlag({
      description: 'id that the KEK is known to have on the NIC, besides those that manifests tell',
    }),
    socket: socketFlag,
  };

  async run(): Promise<UsageResult> {
    const {argv, flags} = await this.parse(KekUsage);
    const [text, ...paths] = argv as string[];
    const kcv = toHex(parseKcv(text!, 'KCV'));
    const id = flags['import-kek-id'];
    const usage = await kekUsage(kcv, {paths, socket: flags.socket, ids: id === undefined ? [] : [id]});
    const lines = usageLines(usage);
    for (const line of lines) this.log(line);
    const manifests = counted(usage.lookedAt.length, 'manifest');
    const where = `${manifests} and ${usage.agent ? 'the logins of the agent' : 'no agent'}`;
    if (lines.length === 0) this.log(`nothing names the KEK with KCV ${kcv}: looked at ${where}`);
    else process.exitCode = 5;
    return {kcv, unused: lines.length === 0, ...usage};
  }
}
