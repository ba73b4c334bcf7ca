/** What lending needs of an agent. */
import {release} from 'node:os';
import type {LoginOptions} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {type DeviceInfo, isCalled} from '../../rdma/index.js';
import type {Events} from '../events.js';
import type {HealthCheck} from '../health/health.js';
import type {Peer} from '../host/ffi.js';
import type {AgentStatus, ApplyRequest} from '../protocol.js';
import {isAllowed} from '../server/peers.js';
import type {DekSet} from '../set/dek-set.js';
import type {ManifestFollower} from '../set/manifest-follower.js';
import {isSafeKernel} from './kernel.js';

/** The parts of an agent that it needs. */
export interface LendingCore {
  readonly dekSet: DekSet;
  readonly follower: ManifestFollower;
  readonly events: Events;
  readonly stopping: AbortSignal;
  readonly checkIntervalMs: number;
  /** The share of the DEKs that is proven in a context that is lent. */
  readonly lentProveShare: number;
  /** Whether a peer may lend and attach. */
  allows(peer: Peer): boolean;
  /** What lenders' DEKs are made of. Throws NOT_READY. */
  manifestOf(): {request: ApplyRequest; login: LoginOptions | undefined};
  /** Throws NOT_READY unless a manifest that was just applied is the one that the agent has. */
  assertApplied(applied: AgentStatus['manifest']): void;
  /** Throws NO_DEVICE unless the agent is for this NIC. */
  assertHolds(device: DeviceInfo): void;
  /** A service is about to get the context of this NIC, or has gone. */
  tenantChanged(device: string): void;
  /** Has a NIC checked now. */
  wake(device: string): void;
}

/** What it comes from: how the agent was started, and what it has. */
interface LendingAgent extends Pick<LendingCore, 'dekSet' | 'follower' | 'events' | 'stopping'> {
  readonly options: {
    readonly devices: readonly string[];
    readonly gid?: number | undefined;
    readonly groupMayAttach: boolean;
    readonly query: boolean;
    readonly checkIntervalMs: number;
    readonly allowOldKernel: boolean;
  };
  readonly health: HealthCheck;
}

export function lendingCore({
  options: {devices, groupMayAttach, gid, query, checkIntervalMs, allowOldKernel},
  dekSet,
  follower,
  health,
  events,
  stopping,
}: LendingAgent): Omit<LendingCore, 'tenantChanged'> {
  const notReady = (what: string): DekError<'NOT_READY'> =>
    new DekError('NOT_READY', what, {hint: 'try again when dek status says that all is READY'});
  return {
    dekSet,
    follower,
    events,
    stopping,
    checkIntervalMs,
    // A proof rings a doorbell, which is not safe there.
    lentProveShare: allowOldKernel || isSafeKernel(release()) ? dekSet.proveShare : 0,
    allows: (peer) => isAllowed(peer, groupMayAttach ? gid : undefined),
    manifestOf: () => {
      const {applied, kek} = follower;
      if (!health.started) throw notReady('the agent is still starting');
      if (!applied) throw notReady('the agent has no manifest to make DEKs from');
      const login = dekSet.nics.map((nic) => nic.login.last).find((last) => last !== undefined);
      const source = {kek: kek?.spec, kekFormat: kek?.format};
      return {request: {path: applied.path, ...source, dryRun: false, keepGoing: false, query}, login};
    },
    assertApplied: (applied) => {
      if (applied?.digest !== follower.applied?.digest) throw notReady('the manifest on disk is not the one applied');
    },
    assertHolds: (info) => {
      const isHeld = dekSet.nics.some((nic) => nic.isCalled(info.name));
      if (devices.length === 0 ? isHeld : devices.some((name) => isCalled(info, name))) return;
      throw new DekError('NO_DEVICE', `this agent is for ${dekSet.deviceNames}, not for ${info.name}`);
    },
    wake: (device) => health.wake(device),
  };
}
