/**
 * The manifest of a host in a fleet: what the store says that it is to hold is fetched, checked, applied whole or not
 * at all, and kept on disk as the last good copy. What the host holds is reported. While the store is away all goes on.
 */
import {setTimeout as pause} from 'node:timers/promises';
import {ChildSignal} from '../../child-signal.js';
import type {Limit} from '../../deadline.js';
import {DekError} from '../../errors.js';
import {type HeldLock, tryHold} from '../../files/lock.js';
import {Store} from '../../fleet/etcd/store.js';
import {assertOffered} from '../../fleet/host/accept.js';
import {fetchBlob, fetchManifest} from '../../fleet/host/fetch.js';
import {HeldCopy} from '../../fleet/host/held.js';
import {Nap} from '../../fleet/host/nap.js';
import {pointersOf} from '../../fleet/host/pointer-watch.js';
import {Reporter} from '../../fleet/host/reporter.js';
import {FleetKeys} from '../../fleet/layout/keys.js';
import {type Pointer, parsePointer} from '../../fleet/layout/pointer.js';
import {parseFleetUri} from '../../fleet/uri.js';
import {HOST_FORM, isHost} from '../../manifest/fields/edition.js';
import type {Agent} from '../agent.js';
import {reportOf} from './fleet-report.js';
import type {ManifestSource, OpenAgent} from './manifest-source.js';
import {NextLoginTrial} from './next-login.js';

/** How long a start waits for the store where there is a last good copy, and where there is none. */
const START_MS = {withCopy: 5000, without: 30_000};
/** A fetch may take so long: a large manifest on a slow line, but not for ever. */
const FETCH_MS = 300_000;
/** Hosts do not fetch all at once. */
const JITTER_MS = 1000;
/** What was refused is tried again, since the reason may be gone; up to twice as long. */
const RETRY_MS = 20_000;
/** How often the report is made anew: what the NICs say changes by itself. */
const REPORT_MS = 2000;

const SOURCE_TIMEOUT_MS = 10_000;

export class FleetSource implements ManifestSource {
  readonly #store: Store;
  readonly #keys: FleetKeys;
  readonly host: string;
  readonly #copy: HeldCopy;
  readonly #lock: HeldLock;
  readonly #stop = new AbortController();
  #agent: Agent | undefined;
  #nextLogin: NextLoginTrial | undefined;
  #reporter: Reporter | undefined;
  #running: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;
  /** What is to be held; null: nothing was published. */
  #wanted: Pointer | null = null;
  #isNews = false;
  readonly #untilNews = new Nap();
  /** Why it is not held, or why the store cannot be used. */
  #why: string | undefined;
  #lost: string | undefined;

  private constructor(store: Store, keys: FleetKeys, host: string, copy: HeldCopy, lock: HeldLock) {
    [this.#store, this.#keys, this.host, this.#copy, this.#lock] = [store, keys, host, copy, lock];
  }

  /**
   * Of what people write for a fleet; the last good copy is in `directory`. When `signal` fires nothing is waited for
   * any more. Throws BAD_ARGUMENT, BUSY, IO.
   */
  static async open(text: string, directory: string, signal: AbortSignal): Promise<FleetSource> {
    const uri = parseFleetUri(text, 'manifest');
    const limit: Limit = {timeoutMs: SOURCE_TIMEOUT_MS, signal};
    const store = new Store(uri, limit);
    if (!store.identity.isLasting) {
      throw new DekError('BAD_ARGUMENT', 'cert=, key= and password= have to be sources that can be read again', {
        hint: 'an agent reads them again when they are renewed: file:PATH, cred:NAME',
      });
    }
    const host = await store.identity.name();
    if (!isHost(host)) {
      throw new DekError('BAD_ARGUMENT', 'the common name of cert= is no name of a host', {hint: HOST_FORM});
    }
    const copy = await HeldCopy.open(directory, host);
    const lock = tryHold(`${directory}/lock`);
    if (!lock) {
      throw new DekError('BUSY', `another agent keeps its last good copy in ${directory}`, {
        hint: 'give each agent its own: --state DIRECTORY',
      });
    }
    await copy.clean();
    const source = new FleetSource(store, new FleetKeys(uri.prefix), host, copy, lock);
    signal.addEventListener('abort', () => source.#stop.abort(), {once: true});
    if (signal.aborted) source.#stop.abort();
    return source;
  }

  /** What the host has accepted is remembered beside its copy. */
  get stateDirectory(): string {
    return this.#copy.directory;
  }

  /** With what the store has, else with the last good copy. Throws what stands in the way where there is neither. */
  async start(open: OpenAgent): Promise<Agent> {
    const why = await this.#startFromStore(open).catch((error: unknown) => {
      if (!(error instanceof DekError) || this.#copy.path === undefined) throw error;
      return error.message;
    });
    this.#agent ??= await open(this.#copy.path);
    const agent = this.#agent;
    if (why !== undefined) {
      agent.events.emit('warn', 'last-good', {generation: this.#copy.held!.target.generation, error: why});
    }
    this.#nextLogin = new NextLoginTrial(agent, this.#stop.signal, () => this.#report());
    this.#nextLogin.of(this.#copy.path);
    this.#reporter = new Reporter(this.#store, this.#keys, this.host);
    this.#timer = setInterval(() => this.#report(), REPORT_MS);
    this.#report();
    this.#running = Promise.all([this.#follow(), this.#takeUpWhatComes()]).catch((error: unknown) => {
      agent.events.emit('error', 'internal', {error: String(error)});
    });
    return agent;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    this.#untilNews.end();
    clearInterval(this.#timer);
    await this.#running;
    await this.#nextLogin?.ended();
    await this.#reporter?.close();
    this.#store.close();
    this.#lock.release();
  }

  /** Why the last good copy has to do; undefined: the agent has started, or the copy is what the store has. */
  async #startFromStore(open: OpenAgent): Promise<string | undefined> {
    const hasCopy = this.#copy.path !== undefined;
    const totalMs = hasCopy ? START_MS.withCopy : START_MS.without;
    const kv = await this.#store.get(this.#keys.wanted(this.host), {totalMs, signal: this.#stop.signal});
    if (!kv) {
      throw new DekError('NO_INPUT', `nothing was published for ${this.host}`, {
        hint: `dek fleet publish MANIFEST --host ${this.host}`,
      });
    }
    const pointer = parsePointer(kv.value, this.host);
    if (pointer.digest === this.#copy.held?.target.digest) return undefined;
    this.#wanted = pointer;
    const started = performance.now();
    const {path, bytes} = await this.#fetch(pointer);
    this.#agent = await open(path);
    // An agent that holds the DEKs is worth more than a copy: that is tried again.
    await this.#held(pointer, path, bytes, started).catch((error: unknown) => this.#refuse(error, pointer.generation));
    return undefined;
  }

  async #follow(): Promise<void> {
    const {signal} = this.#stop;
    const {events} = this.#agent!;
    const onLost = (why: string | undefined): void => {
      if (why !== undefined && this.#lost === undefined) events.emit('warn', 'fleet-lost', {error: why});
      if (why === undefined && this.#lost !== undefined) events.emit('info', 'fleet-back', {host: this.host});
      this.#lost = why;
    };
    for await (const kv of pointersOf(this.#store, this.#keys, {host: this.host, signal, onLost})) {
      try {
        this.#wanted = kv && parsePointer(kv.value, this.host);
        this.#isNews = true;
        this.#why = kv ? undefined : 'its pointer was removed from the store';
      } catch (error) {
        this.#wanted = null;
        this.#refuse(error, null);
      }
      this.#untilNews.end();
      this.#report();
    }
  }

  async #takeUpWhatComes(): Promise<void> {
    const {signal} = this.#stop;
    while (!signal.aborted) {
      const wanted = this.#wanted;
      if (!wanted || wanted.digest === this.#copy.held?.target.digest) {
        if (wanted) this.#why = undefined;
        await this.#untilNews.take(RETRY_MS);
        continue;
      }
      await pause(Math.random() * JITTER_MS, undefined, {signal}).catch(() => {});
      this.#isNews = false;
      try {
        const started = performance.now();
        const {path, bytes} = await this.#fetch(wanted);
        await this.#agent!.apply(path, wanted.replaceKeys);
        await this.#held(wanted, path, bytes, started);
      } catch (error) {
        if (signal.aborted) return;
        this.#refuse(error, wanted.generation);
        if (!this.#isNews) await this.#untilNews.take(RETRY_MS * (1 + Math.random()));
      }
      this.#report();
    }
  }

  /** Brings it to disk and looks whether this host may take it up. */
  async #fetch(pointer: Pointer): Promise<{path: string; bytes: number}> {
    const path = this.#copy.pathOf(pointer);
    const fetching = new ChildSignal(this.#stop.signal, FETCH_MS);
    try {
      const how = {path, local: this.#copy.path, signal: fetching.signal};
      const {bytes} = await fetchManifest(this.#store, this.#keys, pointer, how);
      for (const [suffix, digest] of proofsOf(pointer)) {
        await fetchBlob(this.#store, this.#keys, digest, {path: `${path}${suffix}`, signal: fetching.signal});
      }
      await assertOffered(path, pointer, {host: this.host, held: this.#copy.held?.target});
      return {path, bytes};
    } finally {
      fetching.end();
    }
  }

  async #held(pointer: Pointer, path: string, fetchedBytes: number, started: number): Promise<void> {
    const {host: _, fallback: __, replaceKeys: ___, by: ____, at: _____, ...target} = pointer;
    await this.#copy.hold(target);
    this.#why = undefined;
    const ms = Math.round(performance.now() - started);
    this.#agent!.events.emit('info', 'generation-taken', {path, generation: pointer.generation, fetchedBytes, ms});
    this.#nextLogin?.of(path);
  }

  #refuse(error: unknown, generation: number | null): void {
    this.#why = (error as Error).message;
    this.#agent!.events.emit('error', 'generation-refused', {generation, error: this.#why});
  }

  #report(): void {
    const report = async (): Promise<void> => {
      const status = await this.#agent!.status();
      const nextLogin = this.#nextLogin?.result ?? null;
      this.#reporter?.tell(reportOf(status, {held: this.#copy.held, nextLogin, why: this.#why}));
    };
    void report();
  }
}

/** What makes a manifest authentic, as it stands beside it: blobs by what follows the manifest's name. */
function proofsOf({signature, release, releaseSignature}: Pointer): (readonly [suffix: string, digest: string])[] {
  const all = [
    ['.sig', signature],
    ['.release', release],
    ['.release.sig', releaseSignature],
  ] as const;
  return all.flatMap(([suffix, digest]) => (digest === null ? [] : [[suffix, digest] as const]));
}
