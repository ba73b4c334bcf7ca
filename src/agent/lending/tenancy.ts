/**
 * The agent's own context of a NIC, for services that share it: one at a time. When one has gone, what it left in the
 * context is destroyed before the next may come; where that cannot be done, the agent opens another context.
 */
import {constants} from 'node:os';
import {DekError} from '../../errors.js';
import type {Dek} from '../../rdma/index.js';
import type {ObjectIds} from '../../rdma/shared/devx-object.js';
import {duplicate} from '../../rdma/shared/import.js';
import type {AgentEvent} from '../events.js';
import type {Peer} from '../host/ffi.js';
import type {Nic} from '../nic/nic.js';
import type {ContextStatus, DekCounts, LoginStatus} from '../protocol.js';
import {countStates} from '../set/dek-status.js';
import {isRunning, startTimeOf} from '../store/process.js';
import type {KeptTenant} from '../store/state.js';
import {isSameOpenFile} from '../wire/ffi.js';
import {contextRecord, goneRecord, type Request} from '../wire/records.js';
import {destroyForeign, type OwnHandles} from './clean-up.js';
import type {Connection} from './connection.js';
import type {LendingCore} from './core.js';
import {asksFor, namesAmong} from './names.js';
import {Publication} from './publication.js';
import {TenantError} from './refusal.js';
import {tellSafely} from './tell.js';

const {EIO} = constants.errno;
/** How often it is looked whether a tenant still runs. */
const WATCH_MS = 1000;
/** What changes within this time is told together. */
const TOGETHER_MS = 5;

interface Tenant {
  readonly peer: Peer;
  /** Null: it had attached to an agent before this one, and has not come again. */
  readonly connection: Connection | null;
  readonly startTime: string | null;
  readonly publication: Publication;
  /** The DEKs that were there before it came. */
  readonly first: ReadonlySet<Dek>;
  /** It was told that its context is gone, and waits for the next. */
  waits: boolean;
  telling: NodeJS.Timeout | undefined;
}

export class Tenancy {
  readonly #core: LendingCore;
  readonly #nic: Nic;
  /** Of all DEKs: kept from one tenant to the next, so that it is made once. */
  readonly #all: Publication;
  #tenant: Tenant | undefined;
  /** The context outlives this agent, and the tenant has it and what it made there until the next one comes. */
  #isLeft = false;
  #cleaning: Promise<void> | undefined;

  constructor(core: LendingCore, nic: Nic) {
    this.#core = core;
    this.#nic = nic;
    this.#all = new Publication(nic);
  }

  get device(): string {
    return this.#nic.name;
  }

  isCalled(name: string): boolean {
    return this.#nic.isCalled(name);
  }

  status(login: LoginStatus | null): ContextStatus {
    const {name: device, gone} = this.#nic;
    const {pid = null, uid = null} = this.#tenant?.peer ?? {};
    const deks: DekCounts = countStates([this.#nic]);
    const old = this.#tenant?.publication.old ?? 0;
    return {device, kind: 'own', pid, uid, gone, login, deks, old};
  }

  /** Whether `fd` is a descriptor of the context that the agent has now. */
  hasContext(fd: number): boolean {
    return !this.#nic.gone && isSameOpenFile(this.#nic.sharing.fd, fd);
  }

  /** The DEKs that the tenant has not given back for longer than this. */
  async expire(ms: number): Promise<{ids: readonly number[]; connection: Connection | null}> {
    const {publication, connection = null} = this.#tenant ?? {};
    const ids = publication?.olderThan(ms) ?? [];
    if (ids.length > 0) await this.release(ids);
    return {ids, connection};
  }

  /**
   * Hands the context to a service, when no change is under way that would destroy what it is told of. Throws
   * TenantError when another has it, and what stands in the way.
   */
  async attach(connection: Connection, request: Request, peer: Peer): Promise<void> {
    await this.#cleaning;
    await this.#core.dekSet.whenAlone(async () => {
      if (!this.#nic.gone) await this.#nic.sharing.allocPd();
      this.#attachNow(connection, request, peer);
    });
  }

  #attachNow(connection: Connection, {patterns}: Request, peer: Peer): void {
    const started = performance.now();
    const before = this.#tenant;
    if (before && !isBack(before, peer)) throw new TenantError(this.device, before.peer);
    if (this.#nic.gone) {
      throw new DekError('NOT_READY', `${this.device} stopped answering`, {hint: 'try again when it is back'});
    }
    const nic = this.#nic;
    for (const name of namesAmong(patterns)) {
      if (!nic.deks.has(name)) throw new DekError('NO_DEK', `there is no DEK named ${name}`);
    }
    const publication = patterns.length === 0 ? this.#all : new Publication(nic, asksFor(patterns));
    const first = new Set<Dek>();
    for (const {dek} of nic.deks.values()) if (dek) first.add(dek);
    const startTime = startTimeOf(peer.pid);
    this.#tenant = {peer, connection, startTime, publication, first, waits: false, telling: undefined};
    if (before && before.publication !== publication) publication.inherit(before.publication.oldDeks);
    nic.keep = publication.keep;
    if (!before) nic.sharing.noteUars();
    this.#core.tenantChanged(this.device);
    this.#handOut(this.#tenant, connection);
    const {pid, uid} = peer;
    const ms = Math.round(performance.now() - started);
    this.#core.events.emit('info', 'attach', {device: this.device, pid, uid, deks: first.size, ms});
  }

  /** Tells the tenant what an event of the agent has changed. */
  hear(event: AgentEvent): void {
    const tenant = this.#tenant;
    if (!tenant) return;
    if (event.event === 'device-gone' && event.device === this.device) {
      tenant.waits = true;
      tenant.publication.forget();
      tenant.connection?.send(goneRecord(true, EIO, `${this.device} stopped answering; the next context follows`));
      return;
    }
    tenant.telling ??= setTimeout(() => {
      tenant.telling = undefined;
      if (this.#tenant !== tenant || this.#nic.gone) return;
      tellSafely(this.#core.events, tenant.connection, () => this.#tell(tenant));
    }, TOGETHER_MS);
  }

  /** What the agent after this one has to know. */
  sharers(): {tenant: KeptTenant | null; old: readonly ObjectIds[]} {
    const {peer, startTime = null, publication} = this.#tenant ?? {};
    const tenant = peer ? {pid: peer.pid, uid: peer.uid, startTime} : null;
    return {tenant, old: publication?.oldDeks ?? []};
  }

  /**
   * After a start in the context of an agent before this one. A tenant that still runs has it, and may come again; else
   * all that is not the agent's goes.
   */
  async takeUp(kept: KeptTenant | null): Promise<void> {
    const {takeover} = this.#nic;
    if (!takeover) return;
    this.#nic.takeover = undefined;
    const left = takeover.left.map(({claim: {handle, id}, dek}) => ({handle, id, dek}));
    this.#core.events.emit('info', 'take-up', {device: this.device, deks: takeover.taken, left: left.length});
    const peer = {pid: kept?.pid ?? 0, uid: kept?.uid ?? 0, groups: []};
    const first = new Set<Dek>();
    for (const {dek} of this.#nic.deks.values()) if (dek) first.add(dek);
    const startTime = kept?.startTime ?? null;
    this.#tenant = {peer, connection: null, startTime, publication: this.#all, first, waits: false, telling: undefined};
    this.#all.inherit(left);
    if (!kept || !isRunning(kept.pid, startTime)) return this.#cleaned(this.#tenant);
    this.#nic.keep = this.#all.keep;
    this.#watch(this.#tenant);
  }

  /** Looks whether a tenant still runs that has not come again. */
  #watch(tenant: Tenant): void {
    const timer = setInterval(() => {
      if (this.#tenant === tenant && isRunning(tenant.peer.pid, tenant.startTime)) return;
      clearInterval(timer);
      if (this.#tenant === tenant) void this.#cleaned(tenant);
    }, WATCH_MS).unref();
  }

  #cleaned(tenant: Tenant): Promise<void> {
    this.#cleaning ??= this.#cleanUp(tenant).finally(() => {
      this.#tenant = undefined;
      this.#cleaning = undefined;
      this.#core.tenantChanged(this.device);
    });
    return this.#cleaning;
  }

  #tell(tenant: Tenant): void {
    if (!tenant.waits) tenant.publication.tellChanges();
    else if (tenant.connection && [...this.#nic.deks.values()].every(({dek}) => dek !== null)) {
      this.#nic.sharing.noteUars();
      this.#handOut(tenant, tenant.connection);
    }
  }

  release(ids: readonly number[]): Promise<void> {
    return this.#core.dekSet.whenAlone(async () => this.#tenant?.publication.release(ids));
  }

  /** From now on a connection that ends is ended by this agent, not by the tenant. */
  leave(): void {
    this.#isLeft = true;
  }

  /** The tenant has gone: destroys what it left. The next waits for that. */
  detach(connection: Connection): Promise<void> {
    const tenant = this.#tenant;
    if (tenant?.connection !== connection) return Promise.resolve();
    clearTimeout(tenant.telling);
    tenant.publication.audience = undefined;
    this.#nic.sharing.onChange(undefined);
    return this.#isLeft ? Promise.resolve() : this.#cleaned(tenant);
  }

  close(): void {
    clearTimeout(this.#tenant?.telling);
    this.#nic.keep = undefined;
    this.#nic.sharing.onChange(undefined);
    this.#all.close();
  }

  #handOut(tenant: Tenant, connection: Connection): void {
    const {name, sharing} = this.#nic;
    const {publication} = tenant;
    const {fd, pdHandle} = sharing;
    tenant.waits = false;
    publication.audience = connection;
    sharing.onChange(() => tellSafely(this.#core.events, connection, publication.tellOthers));
    connection.send(contextRecord(pdHandle, name), [duplicate(fd)]);
    publication.tellAll();
  }

  async #cleanUp(tenant: Tenant): Promise<void> {
    const {events, dekSet} = this.#core;
    const {pid, uid} = tenant.peer;
    const {device} = this;
    let left = 0;
    try {
      await dekSet.whenAlone(async () => {
        if (this.#nic.gone) return; // its context goes with the last descriptor
        left = await destroyForeign(this.#nic.sharing, this.#ownHandles(tenant), this.#oldest(tenant));
        this.#nic.keep = undefined;
        await tenant.publication.releaseAll();
      });
    } catch (error) {
      events.emit('error', 'context-abandoned', {device, error: (error as Error).message});
      this.#nic.abandon();
      tenant.publication.forget();
      this.#core.wake(device);
    }
    this.#nic.keep = undefined;
    if (tenant.publication !== this.#all) tenant.publication.close();
    if (pid !== 0) events.emit('info', 'detach', {device, pid, uid, left});
  }

  /** Its DEKs are those of now: none is made while a tenant's are destroyed. A proof may make what it needs. */
  #ownHandles({publication}: Tenant): OwnHandles {
    const {sharing, deks, dismissed} = this.#nic;
    const ofDeks = new Set<number>();
    const add = (dek: Dek): void => {
      if (!dek.closed) ofDeks.add((publication.used.get(dek) ?? sharing.idsOf(dek)).handle);
    };
    for (const {dek} of deks.values()) if (dek) add(dek);
    for (const dek of dismissed) add(dek);
    for (const {handle} of publication.used.values()) ofDeks.add(handle);
    return (type) => {
      const own = new Set<number>(type === 'PD' ? [sharing.pdHandle] : []);
      for (const {kind, handle} of sharing.others()) {
        if ((kind === 'LOGIN' || kind === 'MKEY' ? 'DEVX_OBJ' : kind) === type) own.add(handle);
      }
      const more: ReadonlySet<number> = type === 'DEVX_OBJ' ? ofDeks : type === 'UAR' ? sharing.uars : own;
      return (handle) => own.has(handle) || more.has(handle);
    };
  }

  #oldest({first, publication}: Tenant): ReadonlySet<number> {
    const oldest = new Set<number>();
    for (const dek of first)
      if (!dek.closed) oldest.add((publication.used.get(dek) ?? this.#nic.sharing.idsOf(dek)).handle);
    return oldest;
  }
}

/** Whether a tenant of an agent before this one has come again. */
function isBack({connection, peer, startTime}: Tenant, {pid}: Peer): boolean {
  return connection === null && peer.pid === pid && isRunning(pid, startTime);
}
