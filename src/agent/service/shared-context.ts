/**
 * A context that a program shares with an agent, for programs in TypeScript: its own, which it lends, or the agent's.
 * What it gets is what another process needs to use a DEK: descriptor, handle of the PD, object ids, keytags. Left out:
 * the data path itself.
 */
import {closeSync} from 'node:fs';
import {setTimeout as pause} from 'node:timers/promises';
import {assertInteger, viewBytes} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {given} from '../../given.js';
import {readSealed, sealedMemory} from '../wire/ffi.js';
import {readTable} from '../wire/table.js';
import {AgentConnection, notInTime, type ReceivedRecord} from './agent-connection.js';
import {detachRecord, releaseRecord, requestRecord} from './agent-records.js';
import {KnownObjects} from './known-objects.js';
import {isWorthATry, Refusal} from './refusal.js';
import type {SharedDek} from './shared-dek.js';

/** What to lend. */
export interface LendOptions {
  /** The context: `ibv_context->cmd_fd`. It stays the caller's. */
  fd: number;
  /** `ibv_pd->handle` of the protection domain that is to hold the DEKs. */
  pdHandle: number;
  /** Names of DEKs, and GLOBs of `*` and `?`; all when left out. */
  names?: readonly string[] | undefined;
  /** What an agent before had made in this context: `table()` of then. */
  before?: Uint8Array | undefined;
  /** How long it may take in all, 60,000 when left out: with an agent that takes over from one that ends meanwhile. */
  timeoutMs?: number | undefined;
}

/** What to attach to. */
export interface AttachOptions {
  /** The NIC, by any of its names; the agent's only one when left out. */
  device?: string | undefined;
  /** Names of DEKs, and GLOBs of `*` and `?`; all when left out. */
  names?: readonly string[] | undefined;
  /** How long it may take in all, 60,000 when left out. */
  timeoutMs?: number | undefined;
}

/** What has happened to a shared context. */
export type SharedEvent =
  /** These DEKs have other objects, came or went; what they were before is in `old`, to be released. */
  | {readonly type: 'change'; readonly names: readonly string[]; readonly old: readonly number[]}
  /** The context is of no use any more; with `next` another has taken its place. */
  | {readonly type: 'gone'; readonly text: string; readonly next: boolean}
  /** The agent has destroyed old objects that were not released in time. */
  | {readonly type: 'expired'; readonly ids: readonly number[]};

/**
 * A context that is shared with an agent, and its DEKs as they are now. What the agent says is taken up in `next`,
 * which the program calls again and again.
 */
export class SharedContext {
  readonly #path: string;
  readonly #isLent: boolean;
  /** Undefined before the first. */
  #connection: AgentConnection | undefined;
  #device = '';
  /** The agent's descriptor; -1 for a context that is lent. */
  #fd: number;
  #pdHandle: number;
  readonly #known = new KnownObjects();

  /** @internal `AgentClient.lend` and `attach` make them. */
  constructor(path: string, isLent: boolean, pdHandle: number) {
    this.#path = path;
    this.#isLent = isLent;
    this.#fd = -1;
    this.#pdHandle = pdHandle;
  }

  /**
   * @internal For `AgentClient.lend`. When an agent ends in the middle of it, goes on with the next one: nobody else
   * can tell that one what is in the context already.
   */
  static async lend(path: string, asked: LendOptions): Promise<SharedContext> {
    const {before, timeoutMs, ...options} = given('options', 'a context to lend', () => toLend(asked));
    const signal = AbortSignal.timeout(timeoutMs);
    const shared = new SharedContext(path, true, options.pdHandle);
    if (before) shared.#known.inherit(readTable(before));
    for (;;) {
      try {
        await shared.#lendOnce(options, signal);
        return shared;
      } catch (error) {
        shared.#connection?.close();
        if (!shared.#isBegun || signal.aborted || !isWorthATry(error)) throw error;
      }
      await pause(AGAIN_MS, undefined, {signal}).catch(() => {});
    }
  }

  /** @internal For `AgentClient.attach`. */
  static async attach(path: string, asked: AttachOptions): Promise<SharedContext> {
    const {device, names, timeoutMs} = given('options', 'a NIC and names of DEKs', () => toAttach(asked));
    const signal = AbortSignal.timeout(timeoutMs);
    const shared = new SharedContext(path, false, 0);
    try {
      shared.#connection = await AgentConnection.open(path, signal);
      shared.#connection.send(requestRecord('attach', {pdHandle: 0, nic: device, names, presents: false}));
      await shared.#begin(signal);
      return shared;
    } catch (error) {
      shared.close();
      throw error;
    }
  }

  /** The NIC, `mlx5_0`. */
  get device(): string {
    return this.#device;
  }

  /** The descriptor of the agent's context, closed by `close`; -1 for a context that is lent. */
  get fd(): number {
    return this.#fd;
  }

  /** For ibv_import_pd(3). */
  get pdHandle(): number {
    return this.#pdHandle;
  }

  /** The DEKs by name, as they are now. */
  get deks(): ReadonlyMap<string, SharedDek> {
    return this.#known.deks;
  }

  /** Ids of objects that were replaced and are not released yet. */
  get old(): readonly number[] {
    return this.#known.old;
  }

  /** Whether the connection has ended: the DEKs of a context that is lent live on, and nobody heals them. */
  get closed(): boolean {
    return this.#connection?.closed ?? true;
  }

  /**
   * What to give to the next agent as `before`, if this one ends.
   * @returns a table of dek-attach(7)
   * @throws nothing
   */
  table(): Uint8Array {
    return this.#known.table(this.#pdHandle);
  }

  /**
   * Waits for what happens next.
   * @param signal - ends the waiting
   * @returns what happened; undefined when the connection has ended
   * @throws DekError: IO when `signal` fires, or for what is no record
   */
  async next(signal?: AbortSignal): Promise<SharedEvent | undefined> {
    for (;;) {
      const received = await this.#connection?.receive(signal);
      if (!received) return undefined;
      const event = this.#hear(received);
      if (event) return event;
    }
  }

  /**
   * Says that no MKey that may still be used names these objects: the agent destroys them.
   * @param ids - of `old`; all when left out
   * @throws DekError: IO
   */
  release(ids: readonly number[] = this.old): void {
    const known = this.#known.forget(ids);
    if (known.length > 0) this.#connection!.send(releaseRecord(known));
  }

  /**
   * Ends it, and waits until the agent has let go.
   * @param options - `destroys`: of a context that is lent, destroy first what the agent has made there
   * @throws DekError: IO
   */
  async detach({destroys = false}: {destroys?: boolean} = {}): Promise<void> {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
    try {
      this.#connection!.send(detachRecord(destroys));
      const signal = AbortSignal.timeout(DETACH_MS);
      let rest: ReceivedRecord | undefined;
      do {
        rest = await this.#connection!.receive(signal);
        for (const fd of rest?.fds ?? []) closeSync(fd); // of a table that was on its way
      } while (rest);
    } finally {
      this.close();
    }
  }

  /**
   * Ends it at once.
   * @throws nothing
   */
  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
    this.#connection?.close();
  }

  /**
   * `close`.
   * @throws nothing
   */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Whether an agent has left something in the context, and ended before it sent the table that tells of it. */
  get #isBegun(): boolean {
    return this.#device === '' && this.#known.isTold;
  }

  async #lendOnce({fd, pdHandle, names}: ToLend, signal: AbortSignal): Promise<void> {
    const presents = this.#known.isAny;
    const presented = presents ? sealedMemory('dek-table', this.table()) : undefined;
    try {
      this.#connection = await AgentConnection.open(this.#path, signal);
      const record = requestRecord('lend', {pdHandle, nic: '', names, presents});
      this.#connection.send(record, presented === undefined ? [fd] : [fd, presented]);
      await this.#begin(signal);
    } catch (error) {
      // What refuses and was told of nothing has left nothing.
      if (!presents && error instanceof Refusal) this.#known.forgetTold();
      throw error;
    } finally {
      if (presented !== undefined) closeSync(presented);
    }
  }

  async #begin(signal: AbortSignal): Promise<void> {
    while (!this.#device) {
      const received = await this.#connection!.receive(signal).catch((error: unknown) => {
        throw signal.aborted ? notInTime() : error;
      });
      if (!received) throw new DekError('IO', 'the agent broke off before it answered', {hint: 'its log says why'});
      this.#hear(received);
    }
  }

  #hear({record, fds}: ReceivedRecord): SharedEvent | undefined {
    switch (record.type) {
      case 'context':
        if (this.#fd >= 0) closeSync(this.#fd);
        this.#fd = fds[0]!;
        this.#pdHandle = record.pdHandle;
        return undefined;
      case 'table': {
        const [fd] = fds as [number];
        try {
          const isFirst = this.#device === '';
          const table = readTable(readSealed(fd));
          const differences = this.#known.take(table);
          if (!this.#isLent || !isFirst) this.#pdHandle = table.pdHandle;
          this.#device = table.nic;
          return isFirst ? undefined : {type: 'change', ...differences};
        } finally {
          closeSync(fd);
        }
      }
      case 'change':
        return {type: 'change', ...this.#known.change(record.changes)};
      case 'others':
        this.#known.takeOthers(record.payload);
        return undefined;
      case 'made':
        if (this.#device === '') this.#known.takeMade(record.payload);
        return undefined;
      case 'gone':
        this.#known.forgetOld();
        return {type: 'gone', text: record.text, next: record.nextFollows};
      case 'expired':
        this.#known.forget(record.ids);
        return {type: 'expired', ids: record.ids};
      case 'refusal':
        throw new Refusal(record);
      default:
        return undefined;
    }
  }
}

type ToLend = Pick<ReturnType<typeof toLend>, 'fd' | 'pdHandle' | 'names'>;

/** What was given, looked at once. Throws BAD_ARGUMENT, as the next two. */
function toLend({fd, pdHandle, names, before, timeoutMs}: LendOptions) {
  assertInteger(fd, 0, 0x7fffffff, 'fd');
  assertInteger(pdHandle, 0, 0xffffffff, 'pdHandle');
  const table =
    before === undefined ? undefined : Buffer.from(viewBytes(before, {min: 0, max: 2 ** 30, step: 1}, 'before'));
  return {fd, pdHandle, names: namesOf(names), before: table, timeoutMs: timeoutOf(timeoutMs)};
}

function toAttach({device = '', names, timeoutMs}: AttachOptions) {
  if (typeof device !== 'string') throw new DekError('BAD_ARGUMENT', '"device" expected the name of a NIC');
  return {device, names: namesOf(names), timeoutMs: timeoutOf(timeoutMs)};
}

function namesOf(names: readonly string[] = []): readonly string[] {
  const copy = Array.from(names);
  if (copy.every((name) => typeof name === 'string' && name.length <= MAX_NAME)) return copy;
  throw new DekError('BAD_ARGUMENT', `"names" expected names of DEKs, and GLOBs, of up to ${MAX_NAME} characters`);
}

function timeoutOf(timeoutMs = BEGIN_MS): number {
  assertInteger(timeoutMs, 0, 0x7fffffff, 'timeoutMs');
  return timeoutMs;
}

/** As long as a record can say. */
const MAX_NAME = 65_535;
/** How long the agent may take to destroy what it made, or what is left: many objects, one after the other. */
const DETACH_MS = 60_000;
/** How long a lend or an attach may take. */
const BEGIN_MS = 60_000;
/** How soon the next agent is looked for. */
const AGAIN_MS = 100;
