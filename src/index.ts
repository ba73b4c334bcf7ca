/**
 * The public library, by name. Wrapping needs no NIC and no native code; `listDevices` and `openDevice` load libibverbs
 * and libmlx5 at their first call; `connectAgent` talks to a running `dek agent`.
 */
export {type AgentClient, connectAgent} from './agent/client.js';
export type {
  AgentEvent,
  AgentEvents,
  EventDeks,
  EventFailure,
  EventLevel,
  EventName,
  EventOnDevice,
  EventPeer,
} from './agent/events.js';
export type {Finding, Proof, ProofStatus, Reason, Verdict} from './agent/proof.js';
export type {
  AgentStatus,
  AppliedManifest,
  ApplyFailure,
  ApplyPlan,
  ApplyProgress,
  ApplyRequest,
  ApplyResult,
  ApplyStep,
  ContextStatus,
  CreateRequest,
  DekCounts,
  DekStatus,
  DestroyRequest,
  KeyFormat,
  KnownDekState,
  LoginStatus,
  NicStatus,
  ProveRequest,
} from './agent/protocol.js';
export type {
  AttachOptions,
  LendOptions,
  SharedContext,
  SharedEvent,
} from './agent/service/shared-context.js';
export type {SharedDek} from './agent/service/shared-dek.js';
export type {DekState, ImportMode, KeySize, LoginOptions, LoginState} from './dek-layout.js';
export {DekError, type DekErrorCode, type DekErrorOptions, type FirmwareAnswer} from './errors.js';
export {
  type ByteSource,
  type Edition,
  type Manifest,
  type ManifestDek,
  type ManifestEntry,
  type ManifestHeader,
  type Marks,
  type NextLogin,
  newEdition,
  nextEdition,
  openManifest,
  type ReadManifestOptions,
  readManifest,
  writeManifest,
} from './manifest/index.js';
export type {Signer} from './manifest/signature/verify.js';
export {listDevices, openDevice} from './nics.js';
export type {
  Caps,
  CreateDekOptions,
  CreatedDeks,
  CryptoEngine,
  Dek,
  DekColumn,
  Device,
  DeviceInfo,
  Login,
  LoginApiName,
  NicImportMode,
  OpenOptions,
  Outcome,
  Passage,
  Prover,
} from './rdma/index.js';
export {explainRefusals} from './rdma/refusal/ask-again.js';
export {
  type Arrangement,
  type DekKeys,
  dcvHints,
  dekCheckValue,
  keyCheckValue,
  rewrapKeys,
  type SplitOptions,
  type UnwrappedDek,
  unwrapCredential,
  unwrapDek,
  unwrapKey,
  unwrapKeys,
  wrapCredential,
  wrapDek,
  wrapKey,
  wrapKeys,
} from './wrap/index.js';
