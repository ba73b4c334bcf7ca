import * as Flags from '@oclif/core/flags';
import {toHex} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {fleetFlag, withFleet} from '../../cli/flags/fleet-flags.js';
import {parseKcv} from '../../cli/flags/hex-flag.js';
import {hostLines, prometheusLines, rolloutLine, summaryLine} from '../../cli/output/fleet-table.js';
import {stopSignal} from '../../cli/stop-signal.js';
import {readRollout} from '../../fleet/rollout/state.js';
import {followHosts} from '../../fleet/status/follow.js';
import {readHosts} from '../../fleet/status/hosts.js';
import {type KekUse, kekUse} from '../../fleet/status/kek-use.js';
import {type FleetStatus, statusOf} from '../../fleet/status/status.js';
import {jsonText} from '../../printable.js';

export default class FleetStatusCommand extends DekCommand {
  static override summary = 'show what the hosts of a fleet hold';
  static override description =
    'Prints a summary and a line a host: the generation that it is to hold and the one that it holds, how many of ' +
    'its DEKs are READY and PROVEN, its login, the KCV of the KEK that it uses, since when, and why all is not well. ' +
    'A host that died is down at the latest 30 seconds later.\n\n' +
    'The exit status is 0 when each host holds what it should and is READY (with --prove: PROVEN), else 7.\n\n' +
    'With --kek it says who still needs a KEK: hosts that hold or are to hold a manifest under it, hosts that are ' +
    'down and may, and generations that are kept. The exit status is 0 when it may go, else 7.';
  static override examples = [
    {description: 'Only what is not well', command: 'dek fleet status --unwell'},
    {description: 'As it changes', command: 'dek fleet status --follow'},
    {description: 'May the old KEK go?', command: 'dek fleet status --kek c1d29b9744'},
  ];
  static override flags = {
    follow: Flags.boolean({description: 'print it again whenever it changes, until it is interrupted'}),
    unwell: Flags.boolean({description: 'only hosts with which something is wrong'}),
    prove: Flags.boolean({description: 'well is who has proven all of its DEKs'}),
    kek: Flags.string({
      helpValue: 'KCV',
      description: 'who still needs the KEK with this key check value, 10 hex digits',
      exclusive: ['follow', 'unwell', 'prove', 'prometheus'],
    }),
    prometheus: Flags.boolean({
      description: "print it in Prometheus' text format, for node_exporter's textfile collector",
      exclusive: ['follow', 'json'],
    }),
    ...fleetFlag,
  };

  async run(): Promise<FleetStatus | KekUse | undefined> {
    const {flags} = await this.parse(FleetStatusCommand);
    const {kek, prove, unwell, follow, prometheus} = flags;
    if (kek !== undefined) return this.#kek(flags.fleet, kek);
    if (follow) return this.#follow(flags);
    const status = await withFleet(flags, async ({store, keys}) => {
      return statusOf((await readHosts(store, keys)).values(), await readRollout(store, keys), {prove});
    });
    const shown = unwell ? {...status, hosts: status.hosts.filter(({why}) => why !== null)} : status;
    if (prometheus) for (const line of prometheusLines(status)) this.log(line);
    else this.#print(shown);
    if (status.summary.well < status.summary.hosts || status.summary.hosts === 0) process.exitCode = 7;
    return shown;
  }

  #print(status: FleetStatus): void {
    this.log(summaryLine(status));
    const {rollout} = status;
    if (rollout) this.log(rolloutLine(rollout));
    for (const line of hostLines(status.hosts, Date.now())) this.log(line);
  }

  async #follow({
    fleet,
    prove,
    unwell,
  }: {
    fleet: string | undefined;
    prove: boolean;
    unwell: boolean;
  }): Promise<undefined> {
    const stop = new AbortController();
    const isJson = this.jsonEnabled();
    const stopped = stopSignal().then(() => stop.abort());
    await withFleet(
      {fleet},
      async ({store, keys}) => {
        for await (const hosts of followHosts(store, keys, stop.signal)) {
          const status = statusOf(hosts.values(), await readRollout(store, keys), {prove});
          const shown = unwell ? {...status, hosts: status.hosts.filter(({why}) => why !== null)} : status;
          if (isJson) console.log(jsonText(shown));
          else this.#print(shown);
        }
      },
      stop.signal,
    );
    await stopped;
    process.exit();
  }

  async #kek(fleet: string | undefined, text: string): Promise<KekUse> {
    const kcv = toHex(parseKcv(text, '--kek'));
    const use = await withFleet({fleet}, ({store, keys}) => kekUse(store, keys, kcv));
    const {held, wanted, down, kept, mayGo} = use;
    this.log(mayGo ? `nothing needs the KEK ${kcv} any more: it may go` : `the KEK ${kcv} is still needed`);
    if (held.length > 0) this.log(`${held.length} hosts hold DEKs under it: ${some(held)}`);
    if (wanted.length > 0) this.log(`${wanted.length} hosts are to hold DEKs under it: ${some(wanted)}`);
    if (down.length > 0) this.log(`${down.length} hosts are down and may come back with it: ${some(down)}`);
    if (kept.length > 0) {
      this.log(
        `${kept.length} generations are kept under it: ${some(kept.map((one) => `${one.host} ${one.generation}`))}`,
      );
    }
    if (!mayGo) process.exitCode = 7;
    return use;
  }
}

function some(all: readonly string[]): string {
  return all.length <= 10 ? all.join(', ') : `${all.slice(0, 10).join(', ')} and ${all.length - 10} more`;
}
