/**
 * What services are lent and lend: each connection that was upgraded (dek-attach(7)) brings a context of its own, or
 * shares the agent's. What one asks wrongly ends its connection, never the agent.
 */
import type {IncomingMessage} from 'node:http';
import type {Socket} from 'node:net';
import {constants, release} from 'node:os';
import type {Duplex} from 'node:stream';
import {DekError, withMessage} from '../../errors.js';
import {everySecond} from '../every-second.js';
import type {Peer} from '../host/ffi.js';
import type {ApplyPlan, ApplyRequest, ApplyResult, ContextStatus, DekCounts, LoginStatus} from '../protocol.js';
import {badRequest, bareAnswer} from '../server/listener.js';
import {peerOfSocket} from '../server/peers.js';
import type {ApplyOptions} from '../set/plan.js';
import type {KeptTenant} from '../store/state.js';
import {ProtocolFault} from '../wire/fault.js';
import {type ClientRecord, detachedRecord, expiredRecord, type Request, UPGRADE_TOKEN} from '../wire/records.js';
import {Connection, closeAll} from './connection.js';
import type {LendingCore} from './core.js';
import {isSafeKernel} from './kernel.js';
import {LentContext} from './lent.js';
import {asRefusal, farewell} from './refusal.js';
import {Tenancy} from './tenancy.js';

export interface LendingOptions {
  /** The agent makes no DEKs of its own: nothing to attach to. */
  lends: boolean;
  allowOldKernel: boolean;
  /** When old DEKs are destroyed that were not given back; undefined: never. */
  releaseWithinMs: number | undefined;
}

/** How a service ends: whether it says so, and whether what was made in its context is to be destroyed first. */
interface End {
  says: boolean;
  destroys: boolean;
}

type How = Pick<ApplyOptions, 'signal' | 'progress'>;

export class Lending {
  readonly #core: LendingCore;
  readonly #options: LendingOptions;
  readonly #tenancies: readonly Tenancy[];
  readonly #lent = new Set<LentContext>();
  readonly #connections = new Set<Connection>();
  /** What runs for a connection until it has ended. */
  readonly #running = new Set<Promise<void>>();
  readonly #endExpiring: (() => void) | undefined;
  /** Of contexts that are lent no more. */
  #healsBefore = 0;

  constructor(core: LendingCore, options: LendingOptions) {
    this.#core = core;
    this.#options = options;
    this.#tenancies = options.lends ? [] : core.dekSet.nics.map((nic) => new Tenancy(core, nic));
    core.events.listen((event) => {
      for (const tenancy of this.#tenancies) tenancy.hear(event);
    }, 'info');
    if (options.releaseWithinMs !== undefined) {
      this.#endExpiring = everySecond(
        () => this.#expire(options.releaseWithinMs!),
        (error) => error && core.events.emit('error', 'internal', {error: String(error)}),
      );
    }
  }

  get lends(): boolean {
    return this.#options.lends;
  }

  /** DEKs and logins that were made anew in contexts that are lent. */
  get heals(): number {
    return [...this.#lent].reduce((sum, {heals}) => sum + heals, this.#healsBefore);
  }

  /** `saying` resolves to what the NICs say of the agent's own: all are asked at once. */
  async status(saying: Promise<ReadonlyMap<string, LoginStatus | null>>): Promise<ContextStatus[]> {
    const [logins, ...lent] = await Promise.all([saying, ...[...this.#lent].map((one) => one.status())]);
    return this.#tenancies.map((tenancy) => tenancy.status(logins.get(tenancy.device) ?? null)).concat(lent);
  }

  /** DEKs in contexts that are lent, by what the NICs said of them last. */
  countLent(): DekCounts[] {
    return [...this.#lent].map((lent) => lent.count());
  }

  /** Applies a manifest: to the agent's own contexts, then to each that is lent. */
  async apply(request: ApplyRequest, how: How): Promise<ApplyResult> {
    const result = await this.#core.follower.apply(request, how);
    const {kek} = this.#core.follower;
    const plan = {...result.plan};
    const failed = [...result.failed];
    for (const lent of this.#lent) {
      if (lent.ends) continue;
      try {
        const all = {...request, path: result.path, kek: kek?.spec, kekFormat: kek?.format};
        const there = await lent.apply(all, how);
        for (const what of Object.keys(plan) as (keyof ApplyPlan)[]) plan[what] += there.plan[what];
        failed.push(...there.failed);
      } catch (error) {
        if (!(error instanceof DekError)) throw error;
        if (lent.ends) continue; // it went meanwhile, which is no reason to leave the others as they are
        throw withMessage(error, `in the context of process ${lent.peer.pid}: ${error.message}`);
      }
    }
    return {...result, plan, failed};
  }

  /** Takes a connection over that asks for an upgrade. `head`: what it has sent behind its request already. */
  upgrade(request: IncomingMessage, duplex: Duplex, head: Uint8Array): void {
    const socket = duplex as Socket;
    if (request.headers.upgrade !== UPGRADE_TOKEN || request.url !== '/v1/attach' || request.method !== 'GET') {
      const error = badRequest(`only GET /v1/attach upgrades its connection, to ${UPGRADE_TOKEN}`);
      const answer = bareAnswer(426, error, [`Upgrade: ${UPGRADE_TOKEN}`]);
      socket.end(answer, () => socket.destroy()); // else a client that keeps its end open would keep ours
      return;
    }
    const running = this.#serve(socket, head).catch((error: unknown) => {
      this.#core.events.emit('error', 'internal', {error: String(error)});
    });
    this.#running.add(running);
    running.finally(() => this.#running.delete(running));
  }

  /** After a start: what an agent before this one left that nobody wants, and who shares its contexts. */
  async takeUp(kept: {tenantOf(device: string): KeptTenant | null}): Promise<void> {
    for (const tenancy of this.#tenancies) await tenancy.takeUp(kept.tenantOf(tenancy.device));
  }

  sharersOf(device: string): ReturnType<Tenancy['sharers']> {
    return this.#tenancies.find((tenancy) => tenancy.device === device)?.sharers() ?? {tenant: null, old: []};
  }

  /**
   * Ends all connections; what was made in the services' contexts stays there, and in the agent's own where `isKept`
   * says that the next agent gets them.
   */
  async close(isKept: boolean): Promise<void> {
    this.#endExpiring?.();
    if (isKept) for (const tenancy of this.#tenancies) tenancy.leave();
    for (const connection of this.#connections) {
      connection.send(farewell());
      connection.end();
    }
    await Promise.all(this.#running);
    for (const tenancy of this.#tenancies) tenancy.close();
  }

  async #serve(socket: Socket, head: Uint8Array): Promise<void> {
    const {events, stopping} = this.#core;
    const peer = peerOfSocket(socket);
    const connection = new Connection(socket);
    this.#connections.add(connection);
    let asked: Request['type'] = 'lend';
    try {
      connection.send(Buffer.from(ACCEPTED));
      if (head.length > 0) throw new ProtocolFault('bytes before the answer to the upgrade');
      const {record, fds} = await connection.first(stopping);
      try {
        if (record.type !== 'lend' && record.type !== 'attach') throw new ProtocolFault('LEND or ATTACH comes first');
        asked = record.type;
        // Not before: who has not said it all would not hear why.
        if (!peer || !this.#core.allows(peer)) throw notAllowed(peer);
        if (asked === 'attach') await this.#serveTenant(connection, record, peer, fds);
        else await this.#serveLender(connection, record, peer, fds);
      } finally {
        closeAll(fds);
      }
    } catch (error) {
      const {pid = 0, uid = 0} = peer ?? {};
      const isGone = connection.closed.aborted;
      if (!isGone) events.emit('warn', `${asked}-refused`, {pid, uid, error: (error as Error).message});
      connection.send(asRefusal(error));
    } finally {
      connection.end();
      await ended(connection);
      this.#connections.delete(connection);
    }
  }

  async #serveLender(connection: Connection, request: Request, peer: Peer, fds: readonly number[]): Promise<void> {
    const opening = LentContext.open(this.#core, connection, request, fds, peer);
    const ending = this.#follow(connection, async (ids) => (await opening).release(ids));
    ending.catch(() => {});
    const lent = await opening;
    this.#lent.add(lent);
    try {
      const end = await ending.finally(() => this.#lent.delete(lent));
      this.#healsBefore += lent.heals;
      await lent.close(end.destroys);
      if (end.says) connection.send(detachedRecord());
    } catch (error) {
      await lent.close();
      throw error;
    } finally {
      const {pid, uid} = peer;
      this.#core.events.emit('info', 'lend-ended', {device: lent.device, pid, uid});
    }
  }

  async #serveTenant(connection: Connection, request: Request, peer: Peer, fds: readonly number[]): Promise<void> {
    if (fds.length > 1) throw new ProtocolFault('ATTACH with more than one descriptor');
    this.#assertKernel();
    const tenancy = this.#tenancyOf(request.nic);
    // It goes on in the context of an agent before this one: that is ours only if the service manager kept it.
    if (fds.length === 1 && !tenancy.hasContext(fds[0]!)) {
      throw new ProtocolFault('this agent has another context', constants.errno.ESTALE);
    }
    let end: End;
    try {
      await tenancy.attach(connection, request, peer);
      end = await this.#follow(connection, (ids) => tenancy.release(ids));
    } finally {
      await tenancy.detach(connection);
    }
    if (end.says) connection.send(detachedRecord());
  }

  /** Hears what a service says until it goes, or is told to. */
  #follow(connection: Connection, release: (ids: readonly number[]) => Promise<void>): Promise<End> {
    return new Promise((resolve, reject) => {
      const hear = (record: ClientRecord | ProtocolFault): void => {
        if (record instanceof ProtocolFault) reject(record);
        else if (record.type === 'detach') resolve({says: true, destroys: record.destroys});
        else if (record.type === 'release') release(record.ids).catch(reject);
        else reject(new ProtocolFault('a second LEND or ATTACH'));
      };
      connection.closed.addEventListener('abort', () => resolve({says: false, destroys: false}), {once: true});
      if (connection.closed.aborted) resolve({says: false, destroys: false});
      connection.listen(hear);
    });
  }

  #tenancyOf(name: string): Tenancy {
    if (this.#options.lends) {
      throw new DekError('UNSUPPORTED', 'this agent makes no DEKs of its own (--lend): nothing to attach to', {
        hint: 'lend a context, or start the agent without --lend',
      });
    }
    const found = name === '' ? this.#tenancies : this.#tenancies.filter((tenancy) => tenancy.isCalled(name));
    if (found.length === 1) return found[0]!;
    const names = this.#tenancies.map(({device}) => device).join(', ');
    if (found.length === 0) throw new DekError('NO_DEVICE', `this agent holds ${names}, not ${name}`);
    throw new DekError('BAD_ARGUMENT', `this agent holds several NICs: ${names}`, {hint: 'name one'});
  }

  #assertKernel(): void {
    if (this.#options.allowOldKernel || isSafeKernel(release())) return;
    throw new DekError('UNSUPPORTED', `Linux ${release()} may give both processes of a context one doorbell page`, {
      hint: 'Linux 5.13 or later is needed (dek agent --allow-old-kernel if yours was mended); lend a context instead',
    });
  }

  async #expire(ms: number): Promise<void> {
    for (const tenancy of this.#tenancies) {
      const {ids, connection} = await tenancy.expire(ms);
      this.#tellExpired(tenancy.device, ids, connection);
    }
    for (const lent of this.#lent) {
      const {ids, connection} = await lent.expire(ms);
      this.#tellExpired(lent.device, ids, connection);
    }
  }

  #tellExpired(device: string, ids: readonly number[], connection: Connection | null): void {
    if (ids.length === 0) return;
    connection?.send(expiredRecord(ids));
    this.#core.events.emit('warn', 'old-expired', {device, deks: ids.length});
  }
}

const ACCEPTED = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', `Upgrade: ${UPGRADE_TOKEN}`, '', ''].join(
  '\r\n',
);

function notAllowed(peer: Peer | undefined): DekError {
  return new DekError('PERMISSION', `user id ${peer?.uid ?? '?'} may neither lend nor attach`, {
    hint: 'the user of the agent and root may; members of its group with --group-may-attach',
  });
}

/** Resolves when the connection is no more. */
function ended({closed}: Connection): Promise<void> {
  if (closed.aborted) return Promise.resolve();
  return new Promise((resolve) => closed.addEventListener('abort', () => resolve(), {once: true}));
}
