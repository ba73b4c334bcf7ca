/**
 * The contexts that the service manager has kept for the agent (FDSTORE of sd_notify(3)) and passes to it when it is
 * started again: DEKs, login and PD of each are taken up, and only what is missing is made.
 */
import {closeSync} from 'node:fs';
import {equalBytes} from '../../bytes.js';
import type {LoginOptions} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {handlesOf} from '../../rdma/shared/handles.js';
import {importDevice} from '../../rdma/shared/import.js';
import type {Events} from '../events.js';
import {claimsOf, destroyLeft, takeUpLogin} from '../lending/presented.js';
import {Nic} from '../nic/nic.js';
import {Takeover} from '../nic/takeover.js';
import {type ContextState, type KeptTenant, readState, readTenant} from './state.js';

/** A descriptor that the service manager passed, under a name that the agent gave it. */
export interface StoredDescriptor {
  readonly name: string;
  readonly fd: number;
}

/** What belongs to one NIC. */
interface Kept {
  readonly contextFd: number;
  readonly state: ContextState;
}

export const CONTEXT_NAME = 'dek-context-';
export const STATE_NAME = 'dek-state-';
export const TENANT_NAME = 'dek-tenant-';

/** Whether a descriptor of this name is the agent's own. */
export function isStored(name: string): boolean {
  return [CONTEXT_NAME, STATE_NAME, TENANT_NAME].some((prefix) => name.startsWith(prefix));
}

export class KeptContexts {
  readonly #kept = new Map<string, Kept>();
  readonly #tenants = new Map<string, KeptTenant>();
  /** NICs whose contexts were taken up. */
  readonly takenUp = new Set<string>();
  /** What the service manager has from before. */
  readonly names: readonly string[];

  /** Takes the descriptors over: they are closed by `close`, or right now where they are of no use. */
  constructor(stored: readonly StoredDescriptor[]) {
    this.names = stored.map(({name}) => name);
    const states = new Map<string, ContextState>();
    for (const {name, fd} of stored) {
      const state = name.startsWith(STATE_NAME) ? readOrNothing(() => readState(fd)) : undefined;
      // Where two are left, the agent died between storing the one and letting go of the other.
      if (state && state.table.serial >= (states.get(state.table.nic)?.table.serial ?? 0)) {
        states.set(state.table.nic, state);
      }
      const tenant = name.startsWith(TENANT_NAME) ? readOrNothing(() => readTenant(fd)) : undefined;
      if (tenant) this.#tenants.set(name.slice(TENANT_NAME.length), tenant);
      if (!name.startsWith(CONTEXT_NAME)) closeSync(fd);
    }
    for (const {name, fd} of stored) {
      if (!name.startsWith(CONTEXT_NAME)) continue;
      const nic = name.slice(CONTEXT_NAME.length);
      const state = states.get(nic);
      if (state && !this.#kept.has(nic)) this.#kept.set(nic, {contextFd: fd, state});
      else closeSync(fd);
    }
  }

  get isEmpty(): boolean {
    return this.#kept.size === 0;
  }

  /** The tenant that a context had, or null. */
  tenantOf(nic: string): KeptTenant | null {
    return this.#tenants.get(nic) ?? null;
  }

  /**
   * The NIC in its kept context; undefined when there is none, or nothing can be done in it any more. `login` is what
   * it should be logged in by; undefined: as it was.
   */
  async takeUp(nicName: string, login: LoginOptions | undefined, events: Events): Promise<Nic | undefined> {
    const kept = this.#kept.get(nicName);
    if (!kept) return undefined;
    const {contextFd, state} = kept;
    const foreignUars = new Set(handlesOf(contextFd, 'UAR')?.handles);
    try {
      const nic = Nic.takenUp(await importDevice(contextFd, state.table.pdHandle), events);
      try {
        nic.sharing.noteUars(foreignUars);
        const {table, login: before} = state;
        const wanted = login ?? before;
        if (wanted) {
          await takeUpLogin(nic, table, wanted, {
            isOther: !before || !isSameLogin(before, wanted),
            logIn: (wanted) => nic.login.tryOpen(wanted),
          });
        }
        await destroyLeft(nic.sharing, state.table);
        nic.identities = new WeakMap();
        nic.takeover = await Takeover.find(nic.sharing, claimsOf(state.table));
        this.takenUp.add(nicName);
        return nic;
      } catch (error) {
        await nic.release();
        throw error;
      }
    } catch (error) {
      if (!(error instanceof DekError)) throw error;
      events.emit('warn', 'take-up-failed', {device: nicName, error: error.message});
      return undefined;
    }
  }

  /** What was imported has descriptors of its own. */
  close(): void {
    for (const {contextFd} of this.#kept.values()) closeSync(contextFd);
  }
}

/** Undefined for what another version wrote: its context is let go. */
function readOrNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

function isSameLogin(a: LoginOptions, b: LoginOptions): boolean {
  return a.credentialId === b.credentialId && a.importKekId === b.importKekId && equalBytes(a.credential, b.credential);
}
