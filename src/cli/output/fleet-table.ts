/** A fleet as text: the sum first, then a line a host. */
import {counted} from '../../bytes.js';
import type {RolloutState} from '../../fleet/rollout/state.js';
import type {FleetStatus, HostStatus} from '../../fleet/status/status.js';
import {ENDLESS, type Screen} from './screen.js';
import {tableLines} from './table.js';
import {wrapLines} from './wrap-lines.js';

const HEADING = ['STATE', 'HOST', 'WANTED', 'HELD', 'READY', 'PROVEN', 'LOGIN', 'KCV', 'AGE', 'WHY'];
const LEAST = ['KCV', 'AGE', 'PROVEN', 'LOGIN', 'WANTED', 'HELD', 'READY'];

export function fleetLines(status: FleetStatus, on: Screen = ENDLESS, nowMs = Date.now()): string[] {
  const {rollout, hosts} = status;
  const sums = [summaryLine(status), ...(rollout === null ? [] : [rolloutLine(rollout)])];
  return [...sums.flatMap((text) => wrapLines(text, '  ', on.width)), ...hostLines(hosts, nowMs, on)];
}

function summaryLine({summary}: FleetStatus): string {
  const {hosts, well, down, behind} = summary;
  const others = [
    [down, 'down'],
    [behind, 'behind'],
    [hosts - well - down - behind, 'not ready'],
  ] as const;
  const rest = others.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  return `${well} of ${counted(hosts, 'host')} well${rest.length === 0 ? '' : `: ${rest.join(', ')}`}`;
}

/** Of the last rollout. */
export function rolloutLine({name, phase, wave, waves, isBack, why}: RolloutState): string {
  const how = isBack
    ? `rollback of ${name} is ${phase === 'rolled-back' ? 'done' : phase}`
    : `rollout of ${name} is ${phase}, wave ${wave + 1} of ${waves.length}`;
  return `the ${how}${why === null ? '' : `: ${why}`}`;
}

/** Those that are not well come first. */
function hostLines(hosts: readonly HostStatus[], nowMs: number, on: Screen): string[] {
  if (hosts.length === 0) return [];
  const inOrder = [...hosts.filter(({why}) => why !== null), ...hosts.filter(({why}) => why === null)];
  const rows = inOrder.map((one) => [
    stateOf(one),
    one.host,
    cell(one.wanted),
    cell(one.held),
    one.deks === null ? '-' : `${one.ready}/${one.deks}`,
    one.deks === null ? '-' : `${one.proven}/${one.deks}`,
    cell(one.login),
    cell(one.kcv),
    one.since === null ? '-' : ageText(nowMs - Date.parse(one.since)),
    one.why ?? '-',
  ]);
  return tableLines(HEADING, rows, {on, least: LEAST});
}

/** In the words of the summary. */
function stateOf({why, isUp, wantedDigest, heldDigest}: HostStatus): string {
  if (why === null) return 'well';
  if (!isUp) return 'down';
  return heldDigest === wantedDigest ? 'not ready' : 'behind';
}

function cell(value: string | number | null): string {
  return value === null ? '-' : `${value}`;
}

/** By the host's own clock, which may be ahead. */
function ageText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds}s`;
  if (seconds < 7200) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
