/** How a fleet is, host by host and in sum. */

import type {ReportedNextLogin} from '../layout/report.js';
import type {RolloutState} from '../rollout/state.js';
import type {FleetHost} from './hosts.js';
import {whyNotWell} from './wellness.js';

/** One host; null: not known. */
export interface HostStatus {
  readonly host: string;
  /** The generation that it is to hold, and its digest. */
  readonly wanted: number | null;
  readonly wantedDigest: string | null;
  /** The generation that it says it holds, and its digest. */
  readonly held: number | null;
  readonly heldDigest: string | null;
  /** Whether it is up: it reports. */
  readonly isUp: boolean;
  readonly deks: number | null;
  readonly ready: number | null;
  readonly proven: number | null;
  readonly login: string | null;
  /** Of the KEK that it uses. */
  readonly kcv: string | null;
  readonly nextLogin: ReportedNextLogin | null;
  /** Replaced DEKs that a service still uses. */
  readonly old: number | null;
  readonly version: string | null;
  /** Since when it holds that, by its own clock. */
  readonly since: string | null;
  /** null: all is well. */
  readonly why: string | null;
}

export interface FleetStatus {
  /** The last rollout, or the one that is open; null: there was none. */
  readonly rollout: RolloutState | null;
  readonly hosts: readonly HostStatus[];
  readonly summary: {
    readonly hosts: number;
    readonly well: number;
    readonly down: number;
    /** Up, and not at what they are to hold. */
    readonly behind: number;
    readonly ready: number;
    readonly proven: number;
  };
}

export function statusOf(hosts: Iterable<FleetHost>, rollout: RolloutState | null, {prove = false} = {}): FleetStatus {
  const all: HostStatus[] = [];
  const summary = {hosts: 0, well: 0, down: 0, behind: 0, ready: 0, proven: 0};
  for (const one of hosts) {
    const {host, pointer, report} = one;
    const why = whyNotWell(one, {prove}) ?? null;
    summary.hosts++;
    if (why === null) summary.well++;
    if (!report) summary.down++;
    else if (report.digest !== pointer?.digest) summary.behind++;
    if (report?.isReady) summary.ready++;
    if (report && report.total > 0 && report.proven === report.total) summary.proven++;
    all.push({
      host,
      wanted: pointer?.generation ?? null,
      wantedDigest: pointer?.digest ?? null,
      held: report?.generation ?? null,
      heldDigest: report?.digest ?? null,
      isUp: report !== null,
      deks: report?.total ?? null,
      ready: report?.ready ?? null,
      proven: report?.proven ?? null,
      login: report?.login ?? null,
      kcv: report?.kcv ?? null,
      nextLogin: report?.nextLogin ?? null,
      old: report?.old ?? null,
      version: report?.version ?? null,
      since: report?.since ?? null,
      why,
    });
  }
  return {rollout, hosts: all, summary};
}
