import * as Flags from '@oclif/core/flags';
import {counted, toHex} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {fleetFlag, openFleet, withFleet} from '../../cli/flags/fleet-flags.js';
import {parseKcv} from '../../cli/flags/hex-flag.js';
import {follow as followed} from '../../cli/live/follow.js';
import {type View, watch, watchFlag} from '../../cli/live/watch.js';
import {fleetMetrics} from '../../cli/output/fleet-metrics.js';
import {fleetLines} from '../../cli/output/fleet-table.js';
import {painted, screen} from '../../cli/output/screen.js';
import {wrapLines} from '../../cli/output/wrap-lines.js';
import {DekError} from '../../errors.js';
import {readRollout} from '../../fleet/rollout/state.js';
import {followFleet} from '../../fleet/status/follow.js';
import {readHosts} from '../../fleet/status/hosts.js';
import {type KekUse, kekUse} from '../../fleet/status/kek-use.js';
import {type FleetStatus, statusOf} from '../../fleet/status/status.js';
import {jsonText} from '../../printable.js';

export default class FleetStatusCommand extends DekCommand {
  static override summary = 'show what the hosts of a fleet hold';
  static override description =
    'Prints a summary and a line for each host, those that are not well first: its state, the generation that it ' +
    'is to hold and the one that it holds, how many of its DEKs are READY and PROVEN, its login, the KCV of the ' +
    'KEK that it uses, since when, and what is wrong. On a narrow terminal long names lose their middle, and ' +
    'columns that matter least are left out. A host that dies is shown as down within 30 seconds.\n\n' +
    'The exit status is 0 when each host holds what it should and is READY (with --prove: PROVEN), else 7. With ' +
    '--watch and --follow, Ctrl-C ends it with the status of what was shown last; it goes on while etcd is away, and ' +
    'ended then, it exits with 1.\n\n' +
    'With --kek it tells who still needs a KEK: hosts that hold or are to hold a manifest under it, hosts that are ' +
    'down and may, and generations that are kept. The exit status is 0 when nothing needs it any more, else 7.';
  static override examples = [
    {description: 'Only the hosts that are not well', command: 'dek fleet status --unwell'},
    {description: 'Stay on the terminal', command: 'dek fleet status --watch'},
    {description: 'Whether anything still needs the old KEK', command: 'dek fleet status --kek c1d29b9744'},
  ];
  static override flags = {
    follow: Flags.boolean({description: 'print it again whenever it changes, until Ctrl-C'}),
    watch: watchFlag,
    unwell: Flags.boolean({description: 'show only the hosts with which something is wrong'}),
    prove: Flags.boolean({description: 'count a host as well only if all of its DEKs are PROVEN'}),
    kek: Flags.string({
      helpValue: 'KCV',
      description: 'tell who still needs the KEK with this key check value, 10 hex digits',
      exclusive: ['follow', 'watch', 'unwell', 'prove', 'prometheus'],
    }),
    prometheus: Flags.boolean({
      description: "print it in Prometheus' text format, for node_exporter's textfile collector",
      exclusive: ['follow', 'watch', 'json'],
    }),
    ...fleetFlag,
  };

  async run(): Promise<FleetStatus | KekUse | undefined> {
    const {flags} = await this.parse(FleetStatusCommand);
    const {kek, prove, unwell, follow, prometheus} = flags;
    if (kek !== undefined) return this.#kek(flags.fleet, kek);
    if (follow) {
      await followed(
        (signal) => statuses(flags, signal),
        (status) => this.#next(status),
      );
      return undefined;
    }
    if (flags.watch) return watch((signal) => views(flags, signal));
    const status = await withFleet(flags, async ({store, keys}) => {
      return statusOf((await readHosts(store, keys)).values(), await readRollout(store, keys), {prove});
    });
    const shown = unwell ? unwellOf(status) : status;
    if (prometheus) process.stdout.write(await fleetMetrics(status));
    else this.#print(shown);
    process.exitCode = exitStatusOf(status);
    return shown;
  }

  #print(status: FleetStatus): void {
    const on = screen();
    for (const line of fleetLines(status, on)) this.log(line, (text) => painted(text, on));
  }

  /** The next of those that are followed. */
  #next(seen: Seen): void {
    process.exitCode = seen.exitStatus;
    if (seen.away) this.note(awayLine(seen.away));
    else if (this.jsonEnabled()) console.log(jsonText(seen.shown));
    else this.#print(seen.shown);
  }

  async #kek(fleet: string | undefined, text: string): Promise<KekUse> {
    const kcv = toHex(parseKcv(text, '--kek'));
    const use = await withFleet({fleet}, ({store, keys}) => kekUse(store, keys, kcv));
    const {held, wanted, down, kept, mayGo} = use;
    this.log(mayGo ? `nothing needs the KEK ${kcv} any more: it may go` : `the KEK ${kcv} is still needed`);
    const hosts = (names: readonly string[]): string => `${counted(names.length, 'host')}: ${some(names)}`;
    if (held.length > 0) this.log(`DEKs under it are held by ${hosts(held)}`);
    if (wanted.length > 0) this.log(`DEKs under it are to be held by ${hosts(wanted)}`);
    if (down.length > 0) this.log(`down, and may come back with it: ${hosts(down)}`);
    if (kept.length > 0) {
      const generations = kept.map(({host, generation}) => `${host} ${generation}`);
      this.log(`kept under it: ${counted(kept.length, 'generation')}: ${some(generations)}`);
    }
    if (!mayGo) process.exitCode = 7;
    return use;
  }
}

/** What of a fleet is looked at. */
interface Which {
  fleet: string | undefined;
  prove: boolean;
  unwell: boolean;
}

/** How it is, or why nobody can tell for now. */
type Seen = {readonly exitStatus: number} & (
  | {readonly away: DekError; readonly shown?: never}
  | {readonly away?: never; readonly shown: FleetStatus}
);

/** Again and again as it changes. */
async function* statuses({fleet, prove, unwell}: Which, signal: AbortSignal): AsyncGenerator<Seen, void> {
  const {store, keys, close} = openFleet({fleet}, signal);
  try {
    for await (const now of followFleet(store, keys, signal)) {
      if (now instanceof DekError) {
        yield {exitStatus: now.exitStatus, away: now};
        continue;
      }
      const status = statusOf(now.hosts.values(), now.rollout, {prove});
      yield {exitStatus: exitStatusOf(status), shown: unwell ? unwellOf(status) : status};
    }
  } finally {
    close();
  }
}

async function* views(which: Which, signal: AbortSignal): AsyncGenerator<View, void> {
  for await (const {exitStatus, away, shown} of statuses(which, signal)) {
    process.exitCode = exitStatus;
    yield (on) => (away ? wrapLines(awayLine(away), '  ', on.width) : fleetLines(shown, on));
  }
}

function awayLine({message}: DekError): string {
  return `not known for now: ${message}`;
}

function unwellOf(status: FleetStatus): FleetStatus {
  return {...status, hosts: status.hosts.filter(({why}) => why !== null)};
}

function exitStatusOf({summary}: FleetStatus): number {
  return summary.well < summary.hosts || summary.hosts === 0 ? 7 : 0;
}

function some(all: readonly string[]): string {
  return all.length <= 10 ? all.join(', ') : `${all.slice(0, 10).join(', ')} and ${all.length - 10} more`;
}
