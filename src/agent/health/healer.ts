/** Makes whole on one NIC what is broken: a login that is not VALID any more, DEKs that are in ERROR or missing. */

import type {AuditedDek} from '../../audit/entry.js';
import {fromHex} from '../../bytes.js';
import {type DekLayout, type LoginOptions, OPAQUE_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import type {EventDeks} from '../events.js';
import {type HeldDek, heldDek, isBroken, isSame, isSameKey, loseHandle, opaqueText} from '../nic/held-dek.js';
import type {Nic} from '../nic/nic.js';
import {wordsOf} from '../proof-words.js';
import {type DekBatch, pick} from '../set/dek-batch.js';
import type {DekSet} from '../set/dek-set.js';
import {makeBatch} from '../set/make-batch.js';
import type {ManifestFollower} from '../set/manifest-follower.js';
import {proveHeld} from '../set/prove.js';

/** DEKs that are made again at a time. */
const BATCH = 256;
/** Names that an event lists before it only counts. */
const NAMES_SHOWN = 10;

export class Healer {
  /** DEKs and logins that were made anew. */
  heals = 0;
  readonly #nic: Nic;
  readonly #dekSet: DekSet;
  readonly #follower: ManifestFollower;
  readonly #stopping = new AbortController();

  constructor(nic: Nic, dekSet: DekSet, follower: ManifestFollower) {
    this.#nic = nic;
    this.#dekSet = dekSet;
    this.#follower = follower;
  }

  stop(): void {
    this.#stopping.abort();
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Logs in again where the login is gone or not VALID: by the manifest on disk, else as the last time. */
  async healLogin(): Promise<void> {
    const {login} = this.#nic;
    if (!login.last || (await login.isValid())) return;
    const onDisk = await this.#follower.loginOnDisk(this.#stopping.signal);
    await this.#dekSet.aloneOrNot(async () => {
      const {last} = login;
      if (this.#nic.gone || !last || (await login.isValid())) return;
      if (await this.#renewed()) await this.#logIn(onDisk);
    });
  }

  /** For a NIC without DEKs: no question about one would tell that it can do something else now, or is gone. */
  renew(): Promise<void> {
    return this.#dekSet.aloneOrNot(async () => {
      await this.#renewed();
    });
  }

  /** Whether the NIC is there, in a context that knows what it can do. */
  async #renewed(): Promise<boolean> {
    try {
      await this.#nic.renew();
    } catch (error) {
      if (!this.#nic.gone) throw error; // else that was said when it went
    }
    return !this.#nic.gone;
  }

  async #logIn(onDisk?: LoginOptions): Promise<void> {
    const {login} = this.#nic;
    const {last} = login;
    if (!last || (await login.isValid())) return;
    if ((onDisk && (await login.tryOpen(onDisk))) || (await login.tryOpen(last))) {
      this.heals++;
      this.#tellHealed({login: true});
    }
  }

  /** Makes again what of these is in ERROR or missing. */
  async healDeks(names: readonly string[]): Promise<void> {
    const nic = this.#nic;
    if (this.#stopped || nic.gone || !names.some((name) => isBroken(nic.deks.get(name)))) return;
    const kek = await this.#readKek(names);
    const heal = async (): Promise<void> => {
      if (!(await this.#renewed())) return;
      if (!(await nic.login.isValid())) await this.#logIn();
      if (!(await nic.login.isValid())) return;
      const ofManifest = new Set<string>();
      const known = new Map<DekLayout, [string, HeldDek][]>();
      const lost: string[] = [];
      for (const name of names) {
        const held = nic.deks.get(name);
        if (!held || !isBroken(held)) continue;
        const {layout, wrapped} = held;
        if (wrapped) {
          if (!known.has(layout)) known.set(layout, []);
          known.get(layout)!.push([name, held]);
        } else if (isOfManifest(held)) ofManifest.add(name);
        else lost.push(name);
      }
      this.#cannotHeal(lost, 'its plaintext key was not kept: destroy it and create it again');
      for (const [layout, deks] of known) {
        for (let i = 0; i < deks.length && !this.#stopped; i += BATCH) {
          await this.#remake(batchOf(layout, deks.slice(i, i + BATCH)), undefined);
        }
      }
      if (kek !== null) await this.#healFromManifest(ofManifest, kek);
    };
    await this.#dekSet.aloneOrNot(heal).finally(() => kek?.close());
  }

  /**
   * The KEK that it takes to make these again, undefined when none is needed; null, and an event, when it cannot be
   * read.
   */
  async #readKek(names: readonly string[]): Promise<KekHandle | undefined | null> {
    const nic = this.#nic;
    const needing = names.filter((name) => isBroken(nic.deks.get(name)) && isOfManifest(nic.deks.get(name)!));
    if (needing.length === 0) return undefined;
    try {
      return await this.#follower.readKek(nic, this.#stopping.signal);
    } catch (error) {
      if (!this.#stopped) this.#cannotHeal(needing, (error as Error).message);
      return null;
    }
  }

  async #healFromManifest(names: Set<string>, kek: KekHandle | undefined): Promise<void> {
    const changed: string[] = [];
    try {
      const {signal} = this.#stopping;
      await this.#follower.withBatches(names, kek, signal, async (batch, {rewrapped, login}) => {
        if (this.#stopped) throw new DekError('IO', 'the agent stops');
        if (rewrapped && login) await this.#followLogin(login);
        const same: number[] = [];
        for (const [i, name] of batch.names.entries()) {
          names.delete(name);
          if (isSameDek(this.#nic.deks.get(name), batch, i, rewrapped)) same.push(i);
          else changed.push(name);
        }
        await this.#remake(pick(batch, same), kek);
      });
      this.#cannotHeal(changed, 'the manifest names another key now: dek apply --reload takes it over');
      this.#cannotHeal([...names], 'the manifest does not name it any more');
    } catch (error) {
      if (!this.#stopped) this.#cannotHeal([...names], (error as Error).message);
    }
  }

  /** What was rewrapped can only be made under the login that came with it, though the old one may be VALID still. */
  async #followLogin(request: LoginOptions): Promise<void> {
    const {login, importMode} = this.#nic;
    if (importMode === 'plaintext' || (await login.isBy(request))) return;
    const before = login.last;
    if (await login.tryOpen(request)) return;
    await login.restore(before);
    throw new DekError('REFUSED', 'the manifest was rewrapped, and the NIC refuses its new login');
  }

  async #remake(batch: DekBatch, kek: KekHandle | undefined): Promise<void> {
    const nic = this.#nic;
    await nic.dismiss(batch.names.flatMap((name) => nic.deks.get(name)?.dek ?? []));
    for (const name of batch.names) loseHandle(nic.deks.get(name)!);
    const made = new Map<string, HeldDek>();
    const refused = new Map<string, string[]>();
    const refuse = (name: string, error: string): void => {
      if (!refused.has(error)) refused.set(error, []);
      refused.get(error)!.push(name);
    };
    for (const [i, dek] of (await makeBatch(nic, batch, kek, true)).entries()) {
      const name = batch.names[i]!;
      if (dek instanceof DekError) refuse(name, dek.message);
      else {
        const {namedBy, wrapped, mustProve, dcv} = nic.deks.get(name)!;
        const held = heldDek(batch, i, {dek, namedBy, wrapped, mustProve});
        held.dcv ??= dcv; // what was recorded
        made.set(name, held);
      }
    }
    await this.#prove(made, refuse);
    for (const [name, held] of made) nic.deks.set(name, held);
    this.heals += made.size;
    this.#audit(made, refused);
    if (made.size > 0) this.#tellHealed(describeNames([...made.keys()]));
    for (const [error, names] of refused) this.#cannotHeal(names, error);
  }

  /**
   * Proves those of `made` that have to be, before anything counts them as whole. One that is not shown to be the right
   * key is taken back: it is missing, and is made, and proven, again at the next check.
   */
  async #prove(made: Map<string, HeldDek>, refuse: (name: string, error: string) => void): Promise<void> {
    const nic = this.#nic;
    const due = [...made].filter(([, {mustProve}]) => mustProve);
    const {events} = this.#dekSet;
    const bad = await proveHeld(nic, due, {events, signal: this.#stopping.signal}).catch(async (error: unknown) => {
      await nic.dismiss([...made.values()].flatMap(({dek}) => dek ?? []));
      throw error;
    });
    for (const proof of bad) {
      refuse(proof.name, `its proof: ${wordsOf(proof)}`);
      nic.deks.get(proof.name)!.proof = made.get(proof.name)!.proof;
    }
    await nic.dismiss(bad.flatMap(({name}) => made.get(name)!.dek ?? []));
    for (const {name} of bad) made.delete(name);
  }

  #audit(made: ReadonlyMap<string, HeldDek>, refused: ReadonlyMap<string, readonly string[]>): void {
    const {name: device, deks} = this.#nic;
    this.#dekSet.events.audit(() => {
      const healed = [...made].map(([name, {dcv}]): AuditedDek => ({name, dcv}));
      const failed = [...refused.values()].flat().map((name) => ({name, dcv: deks.get(name)?.dcv ?? null}));
      return {kind: 'heal', device, results: new Map(Object.entries({ok: healed, failed}))};
    });
  }

  #cannotHeal(names: readonly string[], error: string): void {
    if (names.length === 0) return;
    this.#dekSet.events.emit('error', 'heal-failed', {device: this.#nic.name, ...describeNames(names), error});
  }

  #tellHealed(what: {login: true} | EventDeks): void {
    this.#dekSet.events.emit('warn', 'heal', {device: this.#nic.name, ...what});
  }
}

function describeNames(names: readonly string[]): EventDeks {
  return {deks: names.length, names: names.slice(0, NAMES_SHOWN)};
}

/** DEKs whose wrapped keys were kept, because they came from no manifest. */
function batchOf(layout: DekLayout, deks: readonly (readonly [string, HeldDek])[]): DekBatch {
  const opaque = new Uint8Array(deks.length * OPAQUE_BYTES);
  for (const [i, [name, held]] of deks.entries()) opaque.set(fromHex(held.opaque, name), i * OPAQUE_BYTES);
  return {
    layout,
    names: deks.map(([name]) => name),
    lines: deks.map(() => 0),
    wrapped: Buffer.concat(deks.map(([, {wrapped}]) => wrapped!)),
    opaque,
    fingerprints: deks.map(() => 0),
    dcvs: deks.map(([, {dcv}]) => dcv),
    dcvHints: deks.map(([, {dcvHints}]) => dcvHints),
    keytagValues: deks.map(([, {keytagValue}]) => keytagValue),
  };
}

/**
 * Whether DEK `i` is the key that is held. After a rewrap its check value tells; without one what was not
 * wrapped.
 */
function isSameDek(held: HeldDek | undefined, batch: DekBatch, i: number, rewrapped: boolean): boolean {
  if (!held) return false;
  if (isSame(held, batch, i)) return true;
  const isSameByValue = isSameKey(held, batch, i);
  if (isSameByValue !== undefined || !rewrapped) return isSameByValue ?? false;
  return held.layout === batch.layout && held.opaque === opaqueText(batch.opaque, i);
}

function isOfManifest({wrapped, fingerprint}: HeldDek): boolean {
  return wrapped === null && fingerprint !== 0;
}
