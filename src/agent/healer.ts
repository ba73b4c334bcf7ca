/** Makes whole on one NIC what is broken: a login that is not VALID any more, DEKs that are in ERROR or missing. */
import {fromHex, toHex} from '../bytes.js';
import {DekError} from '../errors.js';
import {layoutOf} from '../wrap/layout.js';
import {fingerprint} from './fingerprint.js';
import type {Follower} from './follower.js';
import type {Holder} from './holder.js';
import {heldOf, makeEntries, type Source} from './make-entries.js';
import type {HeldDek, Nic} from './nic.js';
import type {LoginRequest} from './protocol.js';

/** DEKs that are made again at a time. */
const BATCH = 256;
/** Names that an event lists before it only counts. */
const NAMES_SHOWN = 10;

export class Healer {
  /** DEKs and logins that were made anew. */
  heals = 0;
  readonly #nic: Nic;
  readonly #holder: Holder;
  readonly #follower: Follower;
  #stopped = false;

  constructor(nic: Nic, holder: Holder, follower: Follower) {
    this.#nic = nic;
    this.#holder = holder;
    this.#follower = follower;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** Logs in again where the login is gone or not VALID: by the manifest on disk, else as the last time. */
  async healLogin(): Promise<void> {
    const {login} = this.#nic;
    if (!login.last || login.isValid()) return;
    const onDisk = await this.#follower.loginOnDisk();
    await this.#holder.aloneOrNot(async () => {
      const {last} = login;
      if (this.#nic.gone || !last || login.isValid()) return;
      if ((onDisk && (await login.tryOpen(onDisk))) || (await login.tryOpen(last))) {
        this.heals++;
        this.#tell('warn', 'heal', {login: true});
      }
    });
  }

  /** Makes again what of these is in ERROR or missing. */
  async healDeks(names: readonly string[]): Promise<void> {
    const nic = this.#nic;
    if (this.#stopped || nic.gone || !nic.login.isValid() || !names.some((name) => isBroken(nic, name))) return;
    await this.#holder.aloneOrNot(async () => {
      const ofManifest = new Set<string>();
      const known: Source[] = [];
      const lost: string[] = [];
      for (const name of names) {
        const held = nic.deks.get(name);
        if (!held || !isBroken(nic, name)) continue;
        const {wrapped, layout, opaque, fingerprint: print} = held;
        const {keySize, keytag} = layout;
        if (wrapped) known.push({name, wrapped, keySize, keytag, opaque: fromHex(opaque, name)});
        else if (print !== 0) ofManifest.add(name);
        else lost.push(name);
      }
      this.#cannotHeal(lost, 'its plaintext key was not kept: destroy it and create it again');
      for (let i = 0; i < known.length && !this.#stopped; i += BATCH) {
        await this.#remake(known.slice(i, i + BATCH), undefined);
      }
      await this.#healFromManifest(ofManifest);
    });
  }

  async #healFromManifest(names: Set<string>): Promise<void> {
    const changed: string[] = [];
    try {
      await this.#follower.withEntries(this.#nic, names, async (entries, {kek, rewrapped, login}) => {
        if (this.#stopped) throw new DekError('IO', 'the agent stops');
        if (rewrapped && login) await this.#followLogin(login);
        for (const {name} of entries) names.delete(name);
        const isSame = (source: Source): boolean => isSameDek(this.#nic.deks.get(source.name), source, rewrapped);
        changed.push(...entries.filter((entry) => !isSame(entry)).map(({name}) => name));
        await this.#remake(entries.filter(isSame), kek);
      });
      this.#cannotHeal(changed, 'the manifest names another key now: dek apply --reload takes it over');
      this.#cannotHeal([...names], 'the manifest does not name it any more');
    } catch (error) {
      if (!this.#stopped) this.#cannotHeal([...names], (error as Error).message);
    }
  }

  /** What was rewrapped can only be made under the login that came with it, though the old one may be VALID still. */
  async #followLogin(request: LoginRequest): Promise<void> {
    const {login, importMode} = this.#nic;
    if (importMode === 'plaintext' || login.isBy(request)) return;
    const before = login.last;
    if (await login.tryOpen(request)) return;
    await login.restore(before);
    throw new DekError('REFUSED', 'the manifest was rewrapped, and the NIC refuses its new login');
  }

  async #remake(sources: readonly Source[], kek: Uint8Array | undefined): Promise<void> {
    const nic = this.#nic;
    await nic.dismiss(sources.flatMap(({name}) => nic.deks.get(name)?.dek ?? []));
    for (const {name} of sources) nic.deks.get(name)!.dek = null;
    const healed: string[] = [];
    const refused = new Map<string, string[]>();
    for (const [i, dek] of (await makeEntries(nic, sources, kek)).entries()) {
      const source = sources[i]!;
      const {name} = source;
      if (dek instanceof DekError) {
        refused.set(dek.message, [...(refused.get(dek.message) ?? []), name]);
        continue;
      }
      const {round, wrapped, fingerprint: print} = nic.deks.get(name)!;
      nic.deks.set(name, {...heldOf(source, dek, round), wrapped, ...(print === 0 && {fingerprint: 0})});
      healed.push(name);
    }
    this.heals += healed.length;
    if (healed.length > 0) this.#tell('warn', 'heal', describeNames(healed));
    for (const [error, names] of refused) this.#cannotHeal(names, error);
  }

  #cannotHeal(names: readonly string[], error: string): void {
    if (names.length > 0) this.#tell('error', 'heal-failed', {...describeNames(names), error});
  }

  #tell(level: 'warn' | 'error', event: string, fields: Record<string, unknown>): void {
    this.#holder.events.emit(level, event, {device: this.#nic.name, ...fields});
  }
}

function describeNames(names: readonly string[]): {deks: number; names: readonly string[]} {
  return {deks: names.length, names: names.slice(0, NAMES_SHOWN)};
}

/** Whether `source` is the key that is held. After a rewrap that shows only in what was not wrapped. */
function isSameDek(held: HeldDek | undefined, {keySize, keytag, opaque, wrapped}: Source, rewrapped: boolean): boolean {
  if (!held) return false;
  if (!rewrapped) return held.fingerprint === fingerprint(wrapped, opaque);
  return held.layout === layoutOf(keySize, keytag) && held.opaque === toHex(opaque);
}

/** Whether a DEK is to be made again. UNKNOWN alone is no reason: the login may be missing. */
export function isBroken(nic: Nic, name: string): boolean {
  const held = nic.deks.get(name);
  return held !== undefined && (held.dek === null || held.state === 'ERROR');
}
