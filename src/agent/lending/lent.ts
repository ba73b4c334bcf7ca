/**
 * A context that a service lends: the agent imports it, logs in there, makes the DEKs of its manifest there, and heals
 * them as it does its own, for as long as the connection lasts. Then it closes its import; what it has made lives as
 * long as the service's own descriptor.
 */
import {constants} from 'node:os';
import type {LoginOptions} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import type {ObjectIds} from '../../rdma/shared/devx-object.js';
import {importDevice} from '../../rdma/shared/import.js';
import {askedBy} from '../asker.js';
import {Events} from '../events.js';
import {HealthCheck} from '../health/health.js';
import type {Peer} from '../host/ffi.js';
import {Nic} from '../nic/nic.js';
import {Takeover} from '../nic/takeover.js';
import type {ApplyRequest, ApplyResult, ContextStatus, DekCounts} from '../protocol.js';
import {DekSet} from '../set/dek-set.js';
import {ManifestFollower} from '../set/manifest-follower.js';
import type {ApplyOptions} from '../set/plan.js';
import {ProtocolFault} from '../wire/fault.js';
import {goneRecord, MAX_MADE, madeRecord, progressRecord, type Request} from '../wire/records.js';
import type {OtherObject, Table} from '../wire/table.js';
import type {Connection} from './connection.js';
import type {LendingCore} from './core.js';
import {asksFor, namesAmong} from './names.js';
import {claimsOf, destroyLeft, presentedTable, takeUpLogin, untoldClaimsOf} from './presented.js';
import {Publication} from './publication.js';
import {tellSafely} from './tell.js';

const {EIO} = constants.errno;
/** Lines of progress come no closer. */
const PROGRESS_MS = 100;
/** What changes within this time is told together. */
const TOGETHER_MS = 5;

type How = Pick<ApplyOptions, 'signal' | 'progress'>;

export class LentContext {
  readonly peer: Peer;
  readonly publication: Publication;
  readonly #nic: Nic;
  readonly #dekSet: DekSet;
  readonly #follower: ManifestFollower;
  readonly #health: HealthCheck;
  readonly #connection: Connection;
  #telling: NodeJS.Timeout | undefined;
  #isClosed = false;

  private constructor(
    core: LendingCore,
    nic: Nic,
    connection: Connection,
    peer: Peer,
    events: Events,
    request: Request,
  ) {
    const only = asksFor(request.patterns);
    this.peer = peer;
    this.#nic = nic;
    this.#connection = connection;
    this.#dekSet = DekSet.lent(nic, events, core.lentProveShare);
    this.#follower = new ManifestFollower(this.#dekSet, core.follower.gate, {only});
    this.#health = new HealthCheck(this.#dekSet, this.#follower, core.checkIntervalMs);
    this.publication = new Publication(nic);
    nic.keep = this.publication.keep;
    nic.identities = new WeakMap();
    nic.sharing.onChange(() => tellSafely(events, connection, this.publication.tellOthers));
  }

  /**
   * Imports the context of the first of `fds`, makes the DEKs there and sends their table. Throws what stands in the
   * way; nothing of the agent's is left in the context then.
   */
  static async open(
    core: LendingCore,
    connection: Connection,
    request: Request,
    fds: readonly number[],
    peer: Peer,
  ): Promise<LentContext> {
    const started = performance.now();
    if (fds.length !== (request.presentsTable ? 2 : 1)) {
      throw new ProtocolFault(
        `LEND with ${fds.length} descriptors: the context's is needed, and a table's if it says so`,
      );
    }
    const presented = request.presentsTable ? presentedTable(fds[1]!) : undefined;
    const events = new Events();
    const device = await importDevice(fds[0]!, request.pdHandle);
    const nic = Nic.lent(device, events);
    const lent = new LentContext(core, nic, connection, peer, events, request);
    events.listen((event) => {
      if (event.event === 'apply-failed' && lent.ends) return; // nobody is there any more to whom it matters
      core.events.relay(event, peer.pid);
    });
    askedBy(connection.closed, peer);
    events.onAudit((audited) => core.events.audit(audited));
    try {
      core.assertHolds(device.info);
      const taken = await lent.#begin(core, request, presented);
      const {pid, uid} = peer;
      const ms = Math.round(performance.now() - started);
      core.events.emit('info', 'lend', {device: nic.name, pid, uid, deks: nic.deks.size, takenOver: taken, ms});
      return lent;
    } catch (error) {
      nic.sharing.onDek(undefined);
      // A service that presents DEKs uses what is there.
      await (presented && claimsOf(presented).length > 0 ? nic.release() : nic.close());
      lent.publication.close();
      throw error;
    }
  }

  get device(): string {
    return this.#nic.name;
  }

  get heals(): number {
    return this.#health.heals;
  }

  /** Whether its service has gone, or goes: nothing more is done there. */
  get ends(): boolean {
    return this.#isClosed || this.#connection.closed.aborted;
  }

  count(): DekCounts {
    return this.#dekSet.count();
  }

  async status(): Promise<ContextStatus> {
    const login = await this.#nic.login.status();
    const {name: device, gone} = this.#nic;
    const {pid, uid} = this.peer;
    const {old} = this.publication;
    return {device, kind: 'lent', pid, uid, gone, login, deks: this.count(), old};
  }

  /** Applies a manifest here too. */
  async apply(request: ApplyRequest, how: How): Promise<ApplyResult> {
    const result = await this.#follower.apply(request, how);
    tellSafely(this.#dekSet.events, this.#connection, () => this.publication.tellChanges());
    return result;
  }

  /** Destroys old DEKs that the service does not use any more. */
  release(ids: readonly number[]): Promise<void> {
    return this.#dekSet.whenAlone(() => this.publication.release(ids));
  }

  /** The DEKs that the service has not given back for longer than this, which are destroyed. */
  async expire(ms: number): Promise<{ids: readonly number[]; connection: Connection}> {
    const ids = this.publication.olderThan(ms);
    if (ids.length > 0) await this.release(ids);
    return {ids, connection: this.#connection};
  }

  /** Lets go of the context, once; with `destroys` of nothing that the agent has made there. */
  async close(destroys = false): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#telling);
    this.#nic.sharing.onChange(undefined);
    await this.#health.stop();
    await this.#dekSet.settled();
    this.#nic.keep = undefined;
    await (destroys && !this.#nic.gone ? this.#nic.close() : this.#nic.release());
    this.publication.close();
  }

  /** Returns how many DEKs were taken over. */
  async #begin(core: LendingCore, {patterns}: Request, presented: Table | undefined): Promise<number> {
    const signal = this.#connection.closed;
    const {request, login} = core.manifestOf();
    this.publication.audience = this.#connection;
    if (presented) await this.#takeOver(presented, login);
    const claimed = this.#nic.takeover?.left.length ?? 0;
    this.#nic.sharing.onDek(this.#tellMade());
    await this.#follower.apply(request, {signal, progress: this.#tellProgress()});
    core.assertApplied(this.#follower.applied);
    for (const name of namesAmong(patterns)) {
      if (!this.#nic.deks.has(name)) throw new DekError('NO_DEK', `the manifest names no DEK ${name}`);
    }
    this.#nic.sharing.onDek(undefined);
    const left = this.#nic.takeover?.left ?? [];
    this.#nic.takeover = undefined;
    this.publication.inherit(left.map(({claim: {handle, id}, dek}) => ({handle, id, dek})));
    this.publication.tellAll();
    this.#dekSet.events.listen((event) => {
      if (event.event === 'device-gone') this.#tellGone();
      else this.#tellSoon();
    });
    this.#health.start();
    return claimed - left.length;
  }

  /** Takes up what an agent before this one has left: its login and its DEKs. What nobody can use is destroyed. */
  async #takeOver(presented: Table, login: LoginOptions | undefined): Promise<void> {
    const {sharing} = this.#nic;
    await destroyLeft(sharing, presented);
    if (login) {
      const logIn = (): Promise<void> => this.#nic.login.open(login);
      await takeUpLogin(this.#nic, presented, login, {isOther: false, logIn});
    }
    const untold = await Takeover.find(sharing, untoldClaimsOf(presented));
    await this.#nic.dismiss(untold.left.map(({dek}) => dek));
    this.#nic.takeover = await Takeover.find(sharing, claimsOf(presented));
  }

  /** Tells of what is made before there is a table: should this agent end first, the next one hears of it. */
  #tellMade(): (ids: ObjectIds) => void {
    let made: OtherObject[] = [];
    const tell = (): void => {
      for (let at = 0; at < made.length; at += MAX_MADE) {
        this.#connection.send(madeRecord(made.slice(at, at + MAX_MADE)));
      }
      made = [];
    };
    return (ids) => {
      if (made.length === 0) setImmediate(tell);
      made.push({kind: 'NEW_DEK', ...ids});
    };
  }

  #tellProgress(): (done: number, total: number) => void {
    let next = performance.now() + PROGRESS_MS;
    return (done, total) => {
      if (performance.now() < next) return;
      next = performance.now() + PROGRESS_MS;
      this.#connection.send(progressRecord(done, total));
    };
  }

  #tellSoon(): void {
    if (this.#isClosed) return;
    this.#telling ??= setTimeout(() => {
      this.#telling = undefined;
      if (this.#isClosed || this.#nic.gone) return;
      tellSafely(this.#dekSet.events, this.#connection, () => this.publication.tellChanges());
    }, TOGETHER_MS);
  }

  /** Only the service can open its NIC anew. */
  #tellGone(): void {
    const text = `${this.device} stopped answering: open it anew and lend the new context`;
    this.#connection.send(goneRecord(false, EIO, text));
    this.#connection.end();
  }
}
