/**
 * The manifest that the agent follows: applied once, read again on a reload, and the source from which the health check
 * makes a DEK again. What is kept is its path, its digest, and where the KEK comes from on a NIC that takes plaintext.
 */
import {equalBytes, toHex} from '../../bytes.js';
import {openKek} from '../../custody/kek.js';
import type {Limit} from '../../deadline.js';
import type {LoginOptions} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {assertManifestKek} from '../../manifest/unwrap.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import type {Admitted, Gate} from '../gate/gate.js';
import {releaseMemory} from '../host/memory.js';
import type {Nic} from '../nic/nic.js';
import type {AgentStatus, AppliedManifest, ApplyRequest, ApplyResult, KeyFormat} from '../protocol.js';
import {applyManifest} from './apply.js';
import type {DekBatch} from './dek-batch.js';
import type {DekSet} from './dek-set.js';
import type {ManifestFile} from './manifest-file.js';
import {type ApplyOptions, assertImportMode} from './plan.js';

/** An apply that makes or destroys as many DEKs leaves much memory unused. */
const LARGE = 20_000;
/** What gives secrets may ask a person or a server first, but must not keep all others waiting. */
const SOURCE_TIMEOUT_MS = 10_000;

export class ManifestFollower {
  readonly #dekSet: DekSet;
  #kek: KekSource | undefined;
  #applied: AgentStatus['manifest'] = null;
  /** The key check value of the KEK that had wrapped the manifest when it was applied. */
  #kcv: Uint8Array | null = null;

  /** What every manifest has to pass, whatever it is opened for. */
  readonly gate: Gate;
  readonly #follows: Follows;

  constructor(dekSet: DekSet, gate: Gate, follows: Follows = {}) {
    this.#dekSet = dekSet;
    this.gate = gate;
    this.#follows = follows;
  }

  /** Where the KEK comes from that unwraps the manifest, if it needs one. */
  get kek(): KekSource | undefined {
    return this.#kek;
  }

  /** The manifest of the last apply that worked, or null. */
  get applied(): AgentStatus['manifest'] {
    return this.#applied;
  }

  /**
   * Applies a manifest, `opened` where the caller has opened it, and follows it from now on when that worked. Throws
   * NO_INPUT when there is none to reload; what the gate refuses it for.
   */
  async apply(
    request: ApplyRequest,
    {signal, progress}: Pick<ApplyOptions, 'signal' | 'progress'>,
    opened?: Admitted,
  ): Promise<ApplyResult> {
    const path = request.path ?? this.#applied?.path;
    if (path === undefined) {
      throw new DekError('NO_INPUT', 'no manifest has been applied yet', {hint: 'dek apply MANIFEST'});
    }
    const named = request.kek === undefined ? undefined : {spec: request.kek, format: request.kekFormat};
    const known = named ?? (path === this.#applied?.path ? this.#kek : undefined);
    const {dryRun, keepGoing, query = false, replaceKeys = []} = request;
    const prove = Math.max(request.prove ?? 0, this.#dekSet.proveShare);
    const {events} = this.#dekSet;
    const tell = (error: unknown): never => {
      events.emit('error', 'apply-failed', {path, error: (error as Error).message});
      throw error;
    };
    // Before others have to wait: a pair that does not fit takes its time.
    const admitted = opened ?? (await this.#open(path, signal, true).catch(tell));
    const change = async (): Promise<ApplyResult> => {
      try {
        const started = performance.now();
        for (const nic of this.#dekSet.nics) await nic.renew();
        // One that is remembered is not too much for NICs that have come to take wrapped DEKs.
        const isNeeded = this.#dekSet.nics.some(({importMode}) => importMode === 'plaintext');
        const kek = isNeeded ? known : named;
        assertImportMode(this.#dekSet, kek !== undefined);
        const result = await this.#withKek(admitted, kek, signal, (manifest, key) =>
          applyManifest(this.#dekSet, manifest, {
            dryRun,
            keepGoing,
            query,
            prove,
            replaceKeys,
            kek: key,
            makesNone: this.#follows.makesNone ?? false,
            facts: auditFactsOf(admitted),
            accepted: () => this.gate.remember(admitted, signal),
            signal,
            progress,
          }),
        );
        if (dryRun) return result;
        this.#kcv = admitted.manifest.header.importKekKcv;
        const {digest, plan, untold, failed} = result;
        if (plan.create + plan.replace + plan.destroy >= LARGE) await releaseMemory();
        const appliedAt = new Date().toISOString();
        this.#applied = {path, digest, ...factsOf(admitted), appliedAt, failed: failed.length};
        this.#kek = known;
        events.emit('info', 'apply', {
          path,
          digest,
          ...plan,
          failed: failed.length,
          ms: Math.round(performance.now() - started),
        });
        if (untold > 0) events.emit('warn', 'apply-untold', {path, deks: untold});
        return result;
      } catch (error) {
        return tell(error);
      }
    };
    try {
      return await this.#dekSet.alone({signal, long: 'an apply'}, change);
    } finally {
      admitted.manifest.close();
    }
  }

  /** The login of the manifest as it is on disk now; undefined when none is followed or it cannot be read. */
  async loginOnDisk(signal: AbortSignal): Promise<LoginOptions | undefined> {
    if (!this.#applied) return undefined;
    try {
      const {manifest} = await this.#open(this.#applied.path, signal);
      manifest.close();
      return manifest.header.login ?? undefined;
    } catch (error) {
      this.#dekSet.events.emit('warn', 'manifest-unreadable', {error: (error as Error).message});
      return undefined;
    }
  }

  /**
   * Reads the KEK that it takes to make DEKs of the manifest on `nic`, if any; the caller closes it. Apart from
   * `withBatches`, so that no change waits for a source that gives nothing.
   */
  async readKek(nic: Nic, signal: AbortSignal): Promise<KekHandle | undefined> {
    if (nic.importMode !== 'plaintext' || this.#kek === undefined) return undefined;
    return readKekOf(this.#kek, signal);
  }

  /**
   * Calls `use` with the DEKs of these names, in batches, as the manifest on disk has them now, and with how it was
   * made. A `kek` must be the one that has wrapped it. Throws what stands in the way.
   */
  async withBatches(
    names: ReadonlySet<string>,
    kek: KekHandle | undefined,
    signal: AbortSignal,
    use: (batch: DekBatch, means: HealMaterial) => Promise<void>,
  ): Promise<void> {
    if (!this.#applied || names.size === 0) return;
    const {manifest} = await this.#open(this.#applied.path, signal);
    try {
      if (kek) assertManifestKek(manifest.header, kek);
      const rewrapped = !isSameKcv(manifest.header.importKekKcv, this.#kcv);
      const means = {rewrapped, login: manifest.header.login ?? undefined};
      for await (const batch of manifest.batches(({names: all}, i) => names.has(all[i]!))) await use(batch, means);
    } finally {
      manifest.close();
    }
  }

  #open(path: string, signal: AbortSignal, isPatient = false): Promise<Admitted> {
    return this.gate.open(path, {signal, only: this.#follows.only}, isPatient);
  }

  /** Reads the KEK that must have wrapped the manifest, if `source` names one; wipes and closes it after. */
  async #withKek<T>(
    {manifest}: Admitted,
    source: KekSource | undefined,
    signal: AbortSignal,
    use: (manifest: ManifestFile, kek: KekHandle | undefined) => Promise<T>,
  ): Promise<T> {
    let kek: KekHandle | undefined;
    try {
      if (source !== undefined) {
        kek = await readKekOf(source, signal);
        assertManifestKek(manifest.header, kek);
      }
      return await use(manifest, kek);
    } finally {
      await kek?.close();
    }
  }
}

/** How a manifest is followed. */
export interface Follows {
  /** Which of its DEKs are meant, by name; all when left out. */
  only?: ((name: string) => boolean) | undefined;
  /** Nothing is made: the manifest is found whole and the login VALID. */
  makesNone?: boolean | undefined;
}

/** What is told of a manifest that was applied. */
function factsOf({acceptance}: Admitted): Pick<AppliedManifest, 'id' | 'generation' | 'notAfter' | 'signers'> {
  const {id, generation, notAfter, signers} = acceptance;
  return {id: id && toHex(id), generation, notAfter, signers};
}

function auditFactsOf({acceptance: {id, generation}}: Admitted): NonNullable<ApplyOptions['facts']> {
  return {manifest: id ? toHex(id) : undefined, generation: generation ?? undefined};
}

/** A KEK that tells no key check value may have been replaced by another. */
function isSameKcv(a: Uint8Array | null, b: Uint8Array | null): boolean {
  return a !== null && b !== null && equalBytes(a, b);
}

/** Where the import KEK comes from, and how it stands there, if its content should not tell. */
export interface KekSource {
  spec: string;
  format: KeyFormat | undefined;
}

/** What it takes to make DEKs of the manifest on disk. */
export interface HealMaterial {
  /** Whether another KEK has wrapped the manifest since it was applied. */
  rewrapped: boolean;
  login: LoginOptions | undefined;
}

/** How long a source of secrets may give nothing. */
export function sourceLimit(signal: AbortSignal): Limit {
  return {timeoutMs: SOURCE_TIMEOUT_MS, signal};
}

function readKekOf({spec, format}: KekSource, signal: AbortSignal): Promise<KekHandle> {
  return openKek(spec, {format, limit: sourceLimit(signal)});
}
