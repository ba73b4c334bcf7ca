/** An agent, whole: NICs, manifest, health check, socket, server. `dek agent` runs one; `dek run` one for a command. */
import {packageVersion} from '../package.js';
import {type AgentEvent, Events, type Level, logTo} from './events.js';
import {HealthCheck} from './health/health.js';
import {forbidDumps, type Peer} from './host/ffi.js';
import type {LastResort} from './host/last-resort.js';
import {type AgentStatus, type ApplyRequest, type ApplyResult, isReady} from './protocol.js';
import {listenOn} from './server/keep-socket.js';
import {Listener, type RequestHandler} from './server/listener.js';
import type {PassedSocket} from './server/passed-socket.js';
import {DekSet} from './set/dek-set.js';
import {ManifestFile} from './set/manifest-file.js';
import {ManifestFollower} from './set/manifest-follower.js';

export interface AgentOptions {
  /** Which NICs, as `openDevice` takes them; empty: those of the manifest, else the only one. */
  devices: readonly string[];
  /** Where to listen: an absolute path, or a socket that listens already and is left where it is. */
  socket: string | PassedSocket;
  /** The group id that may use the agent besides its user and root. */
  gid?: number | undefined;
  /** A manifest to apply before the agent is ready: an absolute path. */
  manifest?: string | undefined;
  /** The source of the import KEK for NICs in plaintext import mode. */
  kek?: string | undefined;
  checkIntervalMs: number;
  logLevel: Level;
  /** How far the manifest is applied. */
  progress?: (done: number, total: number) => void;
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
  /** Applies the last manifest again, as it is on disk now. */
  reload(): Promise<ApplyResult>;
  /** Stops listening, destroys the DEKs, logs out, closes the NICs, removes the socket. */
  close(): Promise<void>;
}

const NEVER = new AbortController().signal;

/**
 * Starts an agent: opens the NICs, listens, applies the manifest if there is one. Throws what stands in the way, and leaves
 * nothing behind then.
 */
export async function startAgent(options: AgentOptions): Promise<Agent> {
  const {gid, manifest, kek, checkIntervalMs, logLevel, progress = () => {}} = options;
  const closing = new AbortController();
  const signal = AbortSignal.any([closing.signal, options.signal ?? NEVER]);
  const socket = typeof options.socket === 'string' ? options.socket : options.socket.path;
  forbidDumps();
  const events = new Events();
  logTo(events, logLevel);
  const dekSet = await DekSet.open(await devicesOf(options, signal), events);
  options.lastResort?.watch({answers: () => dekSet.nics.reduce((sum, nic) => sum + nic.answers, 0), events});
  const follower = new ManifestFollower(dekSet);
  const health = new HealthCheck(dekSet, follower, checkIntervalMs);
  const status = (): AgentStatus => ({
    version: packageVersion(),
    pid: process.pid,
    ...dekSet.status(),
    manifest: follower.applied,
    heals: health.heals,
  });
  const apply = (request: ApplyRequest): Promise<ApplyResult> => follower.apply(request, {signal, progress});
  const healthy = (): boolean => isReady(status());
  // What the counters of /metrics will start from.
  const past: AgentEvent[] = [];
  const stopKeeping = events.listen((event) => past.push(event));
  const listener = new Listener(async (): Promise<RequestHandler> => {
    const [{buildServer}, {Metrics}] = await Promise.all([
      import('./server/server.js'),
      import('./server/metrics.js'),
    ]).catch((error: unknown) => {
      events.emit('error', 'internal', {error: `what answers cannot be loaded: ${(error as Error).message}`});
      throw error;
    });
    const metrics = new Metrics(events, past.splice(0), status);
    stopKeeping();
    const app = buildServer({dekSet, follower, events, metrics, stopping: signal, status, healthy}, (peer) =>
      allowed(peer, gid),
    );
    await app.ready();
    return app;
  });
  let unbind: () => void;
  try {
    unbind = await listenOn(listener, options.socket, gid, events);
  } catch (error) {
    await dekSet.close();
    throw error;
  }
  const close = async (): Promise<void> => {
    closing.abort();
    unbind();
    await health.stop();
    await listener.close();
    await dekSet.close();
    events.emit('info', 'closed', {devices: dekSet.deviceNames, socket});
  };
  try {
    if (manifest !== undefined) await apply({path: manifest, kek, dryRun: false, keepGoing: false});
  } catch (error) {
    await close();
    throw error;
  }
  health.start();
  listener.loadSoon();
  events.emit('info', 'ready', {devices: dekSet.deviceNames, socket});
  return {
    devices: dekSet.deviceNames,
    events,
    count: () => dekSet.count(),
    reload: () => apply({path: undefined, kek: undefined, dryRun: false, keepGoing: false}),
    close,
  };
}

/** The devices that were named, else those that the manifest names, else the only one. */
async function devicesOf(
  {devices, manifest}: AgentOptions,
  signal: AbortSignal,
): Promise<readonly (string | undefined)[]> {
  if (devices.length > 0) return devices;
  if (manifest === undefined) return [undefined];
  const file = await ManifestFile.open(manifest, {signal});
  file.close();
  return file.header.devices.length > 0 ? file.header.devices : [undefined];
}

/** The agent's own user, root, and the group that it is shared with. */
function allowed(peer: Peer, gid: number | undefined): boolean {
  return peer.uid === process.geteuid?.() || peer.uid === 0 || (gid !== undefined && peer.groups.includes(gid));
}
