/** What a host of a fleet reports: the agent's status in fewer words, and what the agent does not know itself. */

import type {Held} from '../../fleet/host/held.js';
import {oneLine, type Report, type ReportedLogin, type ReportedNextLogin} from '../../fleet/layout/report.js';
import {type AgentStatus, isReady, type NicStatus} from '../protocol.js';

/** What the agent does not know. */
export interface FleetSide {
  readonly held: Held | undefined;
  readonly nextLogin: ReportedNextLogin | null;
  readonly why: string | undefined;
}

export function reportOf(status: AgentStatus, {held, nextLogin, why}: FleetSide): Report {
  const {manifest, deks, contexts, devices, version} = status;
  // Somebody may have applied another manifest by hand.
  const isHeld = held !== undefined && manifest?.digest === held.target.digest;
  return {
    id: manifest?.id ?? null,
    generation: manifest?.generation ?? null,
    digest: manifest?.digest ?? null,
    kcv: isHeld ? held.target.kcv : null,
    total: deks.total,
    ready: deks.ready,
    proven: deks.proven,
    wrong: deks.wrong,
    isReady: isReady(status),
    login: worst(devices),
    nextLogin,
    old: contexts.reduce((sum, {old}) => sum + old, 0),
    version,
    since: isHeld ? held.since : null,
    why: why === undefined ? null : oneLine(why),
  };
}

function worst(devices: readonly NicStatus[]): ReportedLogin {
  const states = devices.map(({login, gone, importMode}): ReportedLogin => {
    if (gone) return 'UNKNOWN';
    return login?.state ?? (importMode === 'plaintext' ? 'VALID' : 'NO_LOGIN');
  });
  return (['UNKNOWN', 'INVALID', 'NO_LOGIN'] as const).find((state) => states.includes(state)) ?? 'VALID';
}
