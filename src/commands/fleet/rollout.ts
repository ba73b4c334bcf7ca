import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {DekCommand} from '../../cli/base.js';
import {parseDuration} from '../../cli/flags/duration.js';
import {type Fleet, fleetFlag, withFleet} from '../../cli/flags/fleet-flags.js';
import {publishFlags, publishOptions} from '../../cli/flags/fleet-publish-flags.js';
import {fleetHostFlags, whichHosts} from '../../cli/fleet-hosts.js';
import {untilSignal} from '../../cli/live/stop-signal.js';
import {rolloutLine} from '../../cli/output/fleet-table.js';
import {Progress} from '../../cli/output/progress.js';
import {DekError} from '../../errors.js';
import {abortRollout, beginRollout, type Driving, resumeRollout, rollBack} from '../../fleet/rollout/rollout.js';
import type {RolloutState} from '../../fleet/rollout/state.js';
import {parseWaves} from '../../fleet/rollout/waves.js';

/** What may stand in the place of a file. */
const STEPS = ['resume', 'abort', 'rollback'] as const;
type Step = (typeof STEPS)[number];

export default class FleetRollout extends DekCommand {
  static override summary = 'bring a manifest or a release to a fleet in waves';
  static override description =
    'Publishes as dek fleet publish does, but moves the hosts in waves. The next wave starts when all hosts ' +
    'reached so far, but for --max-unavailable of them, hold what they got and are READY (with --prove: PROVEN). ' +
    'If a wave is not well within --wait, or more hosts than that refuse what they got, the rollout stops, says ' +
    'why and exits with status 7; so it does when it is interrupted. Hosts that lose DEKs which others get come ' +
    'last.\n\n' +
    'Its progress is kept in etcd: resume goes on from there, forward or back, on any machine, also after etcd was ' +
    'away; hosts that have refused what they got try again at once. abort ends it, and hosts keep what they have. ' +
    'rollback brings each host that was reached to the --fallback, which is a later generation. Nothing else is ' +
    'published while a rollout is open, and one operator drives it at a time.';
  static override usage = [
    'FILE (--host NAME... | --hosts FILE | --all) [--waves N,...] [--fallback FILE] [--prove] ' +
      '[--max-unavailable N] [--wait TIME] [--manifests DIR] [--keep N] [--replace-key NAME...] ' +
      '[--replace-set] [--let-go] [--fleet URI] [--json]',
    '(resume | abort | rollback) [--fleet URI] [--json]',
  ];
  static override examples = [
    {
      description: 'One host, then a tenth, then all, with the way back',
      command: 'dek fleet rollout november.release --all --waves 1,10%,100% --fallback back.release --prove',
    },
    {description: 'Go on after a stop', command: 'dek fleet rollout resume'},
    {description: 'Take it back', command: 'dek fleet rollout rollback'},
  ];
  static override args = {
    file: Args.string({
      required: true,
      ignoreStdin: true,
      description: 'manifest of version 2, dek-manifest(5), or release; or resume, abort, rollback',
    }),
  };
  static override flags = {
    waves: Flags.string({
      helpValue: 'N,...',
      default: '1,10%,50%,100%',
      description: 'hosts that are reached by the end of each wave, as numbers or percentages; the last is 100%',
    }),
    'max-unavailable': Flags.integer({
      helpValue: 'N',
      default: 0,
      min: 0,
      max: 1_000_000,
      description: 'how many of the hosts reached may be down or not READY',
    }),
    wait: Flags.string({
      helpValue: 'TIME',
      default: '5m',
      description: 'how long a wave may take, such as 90s, 5m or 12h',
    }),
    prove: Flags.boolean({description: 'start the next wave only when all DEKs of the last one are PROVEN'}),
    ...fleetHostFlags,
    ...publishFlags,
    ...fleetFlag,
  };

  async run(): Promise<RolloutState> {
    const {args, flags} = await this.parse(FleetRollout);
    const step = STEPS.find((one) => one === args.file);
    if (step) assertAlone(step, this.argv);
    const waitSeconds = parseDuration(flags.wait, '--wait');
    parseWaves(flags.waves, 100);
    const hosts = step ? undefined : await whichHosts(flags);
    const progress = new Progress(!this.jsonEnabled());
    const {waves, prove = false, 'max-unavailable': maxUnavailable} = flags;
    const act = ({store, keys}: Fleet, signal: AbortSignal): Promise<RolloutState> => {
      const onProgress: Driving['onProgress'] = (wave, well, reached) =>
        progress.update(`wave ${wave}: well`, well, reached);
      const driving: Driving = {signal, onProgress};
      if (step === 'resume') return resumeRollout(store, keys, driving);
      if (step === 'abort') return abortRollout(store, keys);
      if (step === 'rollback') return rollBack(store, keys, driving);
      const how = {waves, prove, maxUnavailable, waitSeconds};
      return beginRollout(store, keys, {...publishOptions(args.file, flags, progress), ...how, hosts}, driving);
    };
    const state = await untilSignal((signal) => withFleet(flags, (fleet) => act(fleet, signal))).finally(() =>
      progress.end(),
    );
    this.log(rolloutLine(state));
    if (state.phase === 'stopped') {
      this.note('next: dek fleet rollout resume, abort or rollback');
      process.exitCode = 7;
    }
    return state;
  }
}

/** What was said at its beginning holds to its end. */
function assertAlone(step: Step, argv: readonly string[]): void {
  const other = argv.find((word) => word.startsWith('--') && !/^--(fleet|json)(=|$)/.test(word));
  if (other === undefined) return;
  throw new DekError('BAD_ARGUMENT', `${step} takes --fleet and --json only`, {
    hint: 'what was said at the beginning of the rollout holds to its end',
  });
}
