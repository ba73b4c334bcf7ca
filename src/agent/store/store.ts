/**
 * Keeps the agent's contexts in the descriptor store of its service manager, each with a sealed table of what is in it:
 * so they outlive the agent, and the next one takes them up. systemd empties the store when the unit is stopped, and
 * with that the contexts and their DEKs go.
 */
import {closeSync} from 'node:fs';
import type {ObjectIds} from '../../rdma/shared/devx-object.js';
import type {Sharing} from '../../rdma/shared/sharing.js';
import type {Events} from '../events.js';
import {storeDescriptor, unstoreDescriptor} from '../host/notify.js';
import {tableOf} from '../lending/publication.js';
import type {Nic} from '../nic/nic.js';
import {sealedMemory} from '../wire/ffi.js';
import {CONTEXT_NAME, type KeptContexts, STATE_NAME, TENANT_NAME} from './kept.js';
import {type KeptTenant, writeState, writeTenant} from './state.js';

/** What changes within this time is written together. */
const TOGETHER_MS = 200;

/** What is to be known of a context besides its DEKs. */
export interface Sharers {
  /** Who shares the context of a NIC, and the old DEKs that it may still use. */
  sharersOf(device: string): {tenant: KeptTenant | null; old: readonly ObjectIds[]};
}

export class ContextStore {
  readonly #nics: readonly Nic[];
  readonly #sharers: Sharers;
  readonly #events: Events;
  /** The contexts that are in the store, and the serials of their last states. */
  readonly #contexts = new Map<Nic, Sharing>();
  readonly #serials = new Map<Nic, number>();
  #soon: NodeJS.Timeout | undefined;
  #isOn = true;

  constructor(nics: readonly Nic[], sharers: Sharers, events: Events) {
    this.#nics = nics;
    this.#sharers = sharers;
    this.#events = events;
    for (const nic of nics) nic.identities ??= new WeakMap();
  }

  /** Stores everything, in the place of what is there from before, and from now on what changes. */
  start({names, takenUp}: Pick<KeptContexts, 'names' | 'takenUp'>): void {
    const isTakenUp = (name: string): boolean => takenUp.has(name.slice(CONTEXT_NAME.length));
    for (const nic of this.#nics) if (takenUp.has(nic.name)) this.#contexts.set(nic, nic.sharing);
    for (const name of names) if (name.startsWith(CONTEXT_NAME) && !isTakenUp(name)) unstoreDescriptor(name);
    this.#writeAll();
    for (const name of names) if (name.startsWith(STATE_NAME)) unstoreDescriptor(name);
    this.#events.listen(() => this.#writeSoon(), 'info');
  }

  #writeSoon(): void {
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#writeAll();
    }, TOGETHER_MS).unref();
  }

  /** Who shares a context: written before a service gets it, and taken away when it has gone. */
  writeTenant(device: string): void {
    if (!this.#isOn) return;
    const {tenant} = this.#sharers.sharersOf(device);
    try {
      unstoreDescriptor(`${TENANT_NAME}${device}`);
      if (!tenant) return;
      storeBytes(`${TENANT_NAME}${device}`, 'dek-tenant', writeTenant(tenant));
    } catch (error) {
      this.#tellFailed(device, error);
    }
  }

  /** Writes what has changed last, and then nothing any more: the agent ends, and what is stored stays stored. */
  stop(): void {
    clearTimeout(this.#soon);
    if (this.#soon !== undefined) this.#writeAll();
    this.#isOn = false;
  }

  #writeAll(): void {
    if (!this.#isOn) return;
    for (const nic of this.#nics) {
      try {
        if (nic.gone || !this.#isWorthKeeping(nic)) continue;
        if (nic.sharing.hasPd) this.#write(nic);
        else this.#writeWithPd(nic);
      } catch (error) {
        this.#tellFailed(nic.name, error);
      }
    }
  }

  /** A context with a login and no DEKs yet may have none: the next one finds its place by it. */
  #writeWithPd({name, sharing}: Nic): void {
    sharing.allocPd().then(
      () => this.#writeSoon(),
      (error: unknown) => this.#tellFailed(name, error),
    );
  }

  /** Whether the next agent would gain by this context, or it is in the store already. */
  #isWorthKeeping(nic: Nic): boolean {
    const {tenant, old} = this.#sharers.sharersOf(nic.name);
    return (
      this.#contexts.has(nic) || nic.deks.size > 0 || nic.login.last !== undefined || tenant !== null || old.length > 0
    );
  }

  /** Without it the next agent makes all anew, and no more is lost. Not logged: a log of each change would be long. */
  #tellFailed(device: string, error: unknown): void {
    this.#events.emit('debug', 'store-failed', {device, error: (error as Error).message});
  }

  #write(nic: Nic): void {
    const {name, sharing, login} = nic;
    const {fd, pdHandle} = sharing;
    const stored = this.#contexts.get(nic);
    const before = this.#serials.get(nic);
    const serial = (before ?? Date.now() * 1000) + 1;
    if (stored !== sharing) {
      if (stored !== undefined) unstoreDescriptor(`${CONTEXT_NAME}${name}`);
      storeDescriptor(`${CONTEXT_NAME}${name}`, fd);
      this.#contexts.set(nic, sharing);
    }
    const {old} = this.#sharers.sharersOf(name);
    const table = tableOf(nic, {pdHandle, serial, old});
    storeBytes(`${STATE_NAME}${name}-${serial}`, 'dek-state', writeState({table, login: login.last ?? null}));
    if (before !== undefined) unstoreDescriptor(`${STATE_NAME}${name}-${before}`);
    this.#serials.set(nic, serial);
  }
}

/** Stores a memory file with these bytes, which is called `label` in /proc. */
function storeBytes(name: string, label: string, bytes: Uint8Array): void {
  const fd = sealedMemory(label, bytes);
  try {
    storeDescriptor(name, fd);
  } finally {
    closeSync(fd);
  }
}
