/** How a host of a fleet is, for tests of what is made of it: all is well with it. */
import type {FleetStatus, HostStatus} from '../../../src/fleet/status/status.js';

export function hostStatus(host: string, changes: Partial<HostStatus> = {}): HostStatus {
  return {
    host,
    wanted: 7,
    wantedDigest: 'ab'.repeat(32),
    held: 7,
    heldDigest: 'ab'.repeat(32),
    isUp: true,
    deks: 100,
    ready: 100,
    proven: 100,
    login: 'VALID',
    kcv: 'c1d29b9744',
    nextLogin: null,
    old: 0,
    version: '0.1.0',
    since: '2026-11-30T12:00:00Z',
    why: null,
    ...changes,
  };
}

export function fleetStatus(hosts: readonly HostStatus[]): FleetStatus {
  const count = (is: (host: HostStatus) => boolean): number => hosts.filter(is).length;
  const summary = {
    hosts: hosts.length,
    well: count(({why}) => why === null),
    down: count(({isUp}) => !isUp),
    behind: count(({isUp, wanted, held}) => isUp && wanted !== held),
    ready: count(({deks, ready}) => deks !== null && ready === deks),
    proven: count(({deks, proven}) => deks !== null && proven === deks),
  };
  return {rollout: null, hosts, summary};
}
