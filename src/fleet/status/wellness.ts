/** Whether a host is as it should be, and why not: one reading for status, rollouts and exit statuses. */
import type {FleetHost} from './hosts.js';

/** One line for people; undefined: all is well. */
export function whyNotWell({pointer, report, fault}: FleetHost, {prove = false} = {}): string | undefined {
  if (fault !== null) return fault;
  if (!pointer) return 'nothing was published for it';
  if (!report) return 'it is down, or was never up';
  if (report.digest !== pointer.digest) return report.why ?? 'it does not hold it yet';
  if (report.why !== null) return report.why;
  if (report.wrong > 0) return `${report.wrong} of its DEKs are shown to be wrong`;
  if (!report.isReady) return `${report.ready} of ${report.total} DEKs READY, login ${report.login}`;
  if (prove && report.proven < report.total) return `${report.proven} of ${report.total} DEKs PROVEN`;
  return undefined;
}
