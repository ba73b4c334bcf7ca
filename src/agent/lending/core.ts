/** What lending needs of an agent. */
import type {LoginOptions} from '../../dek-layout.js';
import type {DeviceInfo} from '../../rdma/index.js';
import type {Events} from '../events.js';
import type {Peer} from '../host/ffi.js';
import type {AgentStatus, ApplyRequest} from '../protocol.js';
import type {DekSet} from '../set/dek-set.js';
import type {ManifestFollower} from '../set/manifest-follower.js';

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
