/** An agent, whole: NICs, manifest, health check, socket, server. `dek agent` runs one; `dek run` one for a command. */

import type {LoginOptions} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {lockSecrets} from '../memory/protect.js';
import {packageVersion} from '../package.js';
import {explainRefusals} from '../rdma/refusal/ask-again.js';
import {RollbackIndex} from '../rollback-index/rollback-index.js';
import {openStore} from '../rollback-index/table.js';
import {startAudit} from './auditor.js';
import {type EventLevel, Events, logTo} from './events.js';
import {type Admitted, Gate, type GateOptions} from './gate/gate.js';
import {Memory} from './gate/memory.js';
import {HealthCheck} from './health/health.js';
import {forbidDumps} from './host/ffi.js';
import type {LastResort} from './host/last-resort.js';
import {lendingCore} from './lending/core.js';
import {Lending, type LendingOptions} from './lending/lending.js';
import {trySpareLogin} from './nic/spare-login.js';
import {
  type AgentStatus,
  type ApplyProgress,
  type ApplyResult,
  assertShare,
  isReady,
  type KeyFormat,
} from './protocol.js';
import {listenOn} from './server/keep-socket.js';
import {Listener} from './server/listener.js';
import {handlerLoader} from './server/load-handler.js';
import type {PassedSocket} from './server/passed-socket.js';
import {DekSet} from './set/dek-set.js';
import {ManifestFollower} from './set/manifest-follower.js';
import {KeptContexts, type StoredDescriptor} from './store/kept.js';
import {ContextStore} from './store/store.js';

export interface AgentOptions extends LendingOptions {
  /** Which NICs, as `openDevice` takes them; empty: those of the manifest, else the only one. */
  devices: readonly string[];
  /** Where to listen: an absolute path, or a socket that listens already and is left where it is. */
  socket: string | PassedSocket;
  /** What the service manager has kept of an agent before this one. */
  stored?: readonly StoredDescriptor[];
  /** Whether the service manager is to keep the contexts when this one ends. */
  isKept?: boolean;
  /** The group id that may use the agent besides its user and root. */
  gid?: number | undefined;
  /** Members of that group may lend and attach as well. */
  groupMayAttach: boolean;
  /** A manifest to apply before the agent is ready: an absolute path. */
  manifest?: string | undefined;
  /** What a manifest has to be, to be applied. */
  gate: GateOptions;
  /** Where the highest generation is kept that this host has accepted, such as `tpm:0x1800020`. */
  rollbackIndex?: string | undefined;
  /** Where it is kept without that: StateDirectory= of the unit. */
  stateDirectory?: string | undefined;
  /** The source of the import KEK for NICs in plaintext import mode. */
  kek?: string | undefined;
  /** How it stands there, if its content should not tell. */
  kekFormat?: KeyFormat | undefined;
  /** Ask the NIC for each DEK of a manifest right after its create. */
  query: boolean;
  /** Whether a login or a DEK that the NIC refuses is sent once more, to learn why. */
  explains: boolean;
  /** The share of its DEKs, above 0 and up to 1, to prove before they are used; none when left out. */
  prove?: number | undefined;
  checkIntervalMs: number;
  logLevel: EventLevel;
  /** How far the manifest is applied. */
  progress?: ApplyProgress;
  /**
   * Whether what answers requests may be loaded after the start, which it would slow down. To load it keeps the process
   * from all else: for up to ten seconds on a host without time to spare, longer than a watchdog waits.
   */
  answersLate?: boolean;
  /** Fires when the start is to be given up. */
  signal?: AbortSignal;
  /** Is told how to see whether the agent hangs. */
  lastResort?: LastResort;
}

export interface Agent {
  /** Such as `mlx5_0, mlx5_1`. */
  readonly devices: string;
  readonly events: Events;
  /** DEKs by what the NICs said of them last. */
  count(): AgentStatus['deks'];
  /** As GET /v1/status has it: what the NICs say of the logins now, or UNKNOWN where one does not answer. */
  status(): Promise<AgentStatus>;
  /** The manifest that was applied last. */
  applied(): AgentStatus['manifest'];
  /** Applies the last manifest again, as it is on disk now. */
  reload(): Promise<ApplyResult>;
  /** Applies the manifest at this path, which is followed from then on; these names may become other keys. */
  apply(path: string, replaceKeys: readonly string[]): Promise<ApplyResult>;
  /** Why a NIC does not take this login, tried on a context of its own; undefined: all take it. */
  tryLogin(login: LoginOptions): Promise<string | undefined>;
  /** Stops listening, destroys the DEKs, logs out, closes the NICs, removes the socket. */
  close(): Promise<void>;
}

const NEVER = new AbortController().signal;

/**
 * Starts an agent: opens the NICs, listens, applies the manifest if there is one. Throws what stands in the way, and
 * leaves nothing behind then.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const {socket, gid, kek, kekFormat, query, checkIntervalMs, logLevel, progress = () => {}} = options;
  const proveShare = options.prove === undefined ? 0 : assertShare(options.prove);
  explainRefusals(options.explains);
  forbidDumps();
  lockSecrets();
  const events = new Events();
  logTo(events, logLevel);
  const closing = new AbortController();
  const signal = AbortSignal.any([closing.signal, options.signal ?? NEVER]);

  const gate = new Gate(options.gate, await memoryOf(options), events);
  const admitted = options.manifest === undefined ? undefined : await gate.open(options.manifest, {signal}, true);
  const manifest = admitted?.manifest;
  try {
    const kept = new KeptContexts(options.stored ?? []);
    const login = manifest?.header.login ?? undefined;
    const takeUp = kept.isEmpty || options.lends ? undefined : (nic: string) => kept.takeUp(nic, login, events);
    const opening = DekSet.open(devicesOf(options, manifest), events, proveShare, takeUp);
    const dekSet = await opening.finally(() => kept.close());
    options.lastResort?.watch({answers: () => dekSet.answers, events});
    const follower = new ManifestFollower(dekSet, gate, {makesNone: options.lends});
    startAudit(events, () => follower.applied);
    const health = new HealthCheck(dekSet, follower, checkIntervalMs);
    let store: ContextStore | undefined;
    const shared = lendingCore({options, dekSet, follower, health, events, stopping: signal});
    const tenantChanged = (device: string): void => store?.writeTenant(device);
    const lending = new Lending({...shared, tenantChanged}, options);
    const status = (): Promise<AgentStatus> => statusOf(dekSet, follower, health, lending);
    const own = (): DekSet => {
      if (!options.lends) return dekSet;
      throw new DekError('UNSUPPORTED', 'this agent makes DEKs only in contexts that services lend (--lend)', {
        hint: 'dek status counts them by service; dek apply takes a manifest to all of them',
      });
    };
    const {isSignedOnly} = gate;
    const core = {
      own,
      isSignedOnly,
      applier: lending,
      events,
      stopping: signal,
      status,
      healthy: async () => isReady(await status()),
    };
    const listener = new Listener(handlerLoader(core, gid), (...request) => lending.upgrade(...request));
    const unbind = await listenOn(listener, socket, gid, events).catch(async (error: unknown) => {
      await dekSet.close();
      throw error;
    });
    const names = {devices: dekSet.deviceNames, socket: typeof socket === 'string' ? socket : socket.path};
    if (options.isKept && !options.lends) store = new ContextStore(dekSet.nics, lending, events);
    let isReadyOnce = false;
    const close = async (): Promise<void> => {
      store?.stop();
      closing.abort();
      unbind();
      await health.stop();
      // What the service manager keeps lives on: it lets go when the unit is stopped.
      const isKept = store !== undefined && isReadyOnce;
      await lending.close(isKept);
      await listener.close();
      await (isKept ? dekSet.release() : dekSet.close());
      events.emit('info', 'closed', names);
    };
    const loaded = options.answersLate ? undefined : listener.load();
    if (manifest) {
      const request = {path: manifest.path, kek, kekFormat, dryRun: false, keepGoing: false, query};
      await follower.apply(request, {signal, progress}, admitted).catch(async (error: unknown) => {
        await close();
        throw error;
      });
    }
    await loaded;
    await lending.takeUp(kept);
    health.start();
    store?.start(kept);
    isReadyOnce = true;
    listener.loadSoon();
    events.emit('info', 'ready', names);
    const again = {path: undefined, kek: undefined, dryRun: false, keepGoing: false, query};
    const reload = (): Promise<ApplyResult> => lending.apply(again, {signal, progress});
    const apply = (path: string, replaceKeys: readonly string[]): Promise<ApplyResult> =>
      lending.apply({...again, path, kek, kekFormat, replaceKeys}, {signal, progress});
    const tryLogin = (login: LoginOptions): Promise<string | undefined> => trySpareLogin(dekSet, login);
    const [count, applied] = [() => countOf(dekSet, lending), () => follower.applied];
    return {devices: dekSet.deviceNames, events, status, count, applied, reload, apply, tryLogin, close};
  } finally {
    manifest?.close();
  }
}

async function memoryOf({rollbackIndex, stateDirectory}: AgentOptions): Promise<Memory> {
  if (rollbackIndex === undefined) return new Memory(undefined, stateDirectory);
  return new Memory(new RollbackIndex(await openStore(rollbackIndex)), undefined);
}

/** The devices that were named, else those that the manifest names, else the only one. */
function devicesOf(
  {devices}: AgentOptions,
  manifest: Admitted['manifest'] | undefined,
): readonly (string | undefined)[] {
  if (devices.length > 0) return devices;
  return manifest && manifest.header.devices.length > 0 ? manifest.header.devices : [undefined];
}

async function statusOf(
  dekSet: DekSet,
  follower: ManifestFollower,
  health: HealthCheck,
  lending: Lending,
): Promise<AgentStatus> {
  const own = dekSet.status();
  const logins = own.then(({devices}) => new Map(devices.map(({name, login}) => [name, login])));
  const [{devices, proveShare}, contexts] = await Promise.all([own, lending.status(logins)]);
  return {
    version: packageVersion(),
    pid: process.pid,
    starting: !health.started,
    devices,
    signedOnly: follower.gate.isSignedOnly,
    lends: lending.lends,
    deks: countOf(dekSet, lending),
    contexts,
    proveShare,
    manifest: follower.applied,
    heals: health.heals + lending.heals,
  };
}

function countOf(dekSet: DekSet, lending: Lending): AgentStatus['deks'] {
  const deks = dekSet.count();
  for (const more of lending.countLent()) for (const state of DEK_STATES) deks[state] += more[state];
  return deks;
}

const DEK_STATES = ['total', 'ready', 'error', 'unknown', 'proven', 'wrong'] as const;
