/**
 * The members of the store, of which any will do: one is used as long as it answers. One that is dead, paused or cut
 * off costs one deadline, and then the next one is used; nothing waits longer than its caller said.
 */
import {setTimeout as pause} from 'node:timers/promises';
import {wipe} from '../../bytes.js';
import {DekError} from '../../errors.js';
import type {Host} from '../../server-uri.js';
import {type FleetUri, memberText} from '../uri.js';
import {isTokenRefused, mayDoElsewhere, reasonOf, storeError} from './failure.js';
import {Channel, type Duplex} from './grpc.js';
import type {Identity} from './identity.js';
import {decodeToken, encodeAuthenticate, METHODS} from './messages.js';
import {NoAnswer} from './no-answer.js';
import {StoreAway} from './store-away.js';

/**
 * How long one member may take for an answer, a connection with TLS before it included; twice as long in each round of
 * all of them, since one that has ten thousand hosts before it gives no answer to any that do not wait.
 */
const ATTEMPT_MS = 3000;
/** How long all of them together may take: an election is over by then. */
const TOTAL_MS = 20_000;
/** Between two rounds of all members, up to: others wait as well, and not all come back at once. */
const PAUSE_MS = 500;

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** For all tries together. */
  readonly totalMs?: number | undefined;
}

/** A stream of a member, which may be lost by itself or with its member. */
export interface MemberStream {
  readonly stream: Duplex;
  /** Bytes that came from the member so far, by whatever stream. */
  readonly heard: () => number;
  /** It gave no answer since it had sent so many. */
  readonly giveUp: (heard: number) => void;
  /** It is lost. */
  readonly leave: () => void;
  /** It does not take our token: the next stream, and the next call, gets a new one. */
  readonly forgetToken: () => void;
}

export class Members {
  readonly #uri: FleetUri;
  readonly #identity: Identity;
  readonly #signal: AbortSignal;
  /** By member, in the order of the URI. */
  readonly #channels: (Promise<Channel> | undefined)[];
  #token: Promise<string> | undefined;
  #current: number;
  #isClosed = false;

  /** When `signal` fires no login is waited for any more. */
  constructor(uri: FleetUri, identity: Identity, signal: AbortSignal) {
    [this.#uri, this.#identity, this.#signal] = [uri, identity, signal];
    this.#channels = uri.hosts.map(() => undefined);
    // Not all hosts of a fleet begin at the same member.
    this.#current = Math.floor(Math.random() * uri.hosts.length);
  }

  /**
   * The answer of some member. What is asked has to come to the same when it is done twice: a member that gives no
   * answer may have done it. Throws StoreAway, with what each member did, PERMISSION, LIMIT; Compacted.
   */
  async call(method: string, request: Uint8Array, {signal, totalMs = TOTAL_MS}: CallOptions = {}): Promise<Uint8Array> {
    const end = performance.now() + totalMs;
    const lost = new Map<string, string>();
    let tokensLeft = 2;
    for (let tries = 1; ; tries++) {
      const at = this.#current;
      const channel = this.#channel(at);
      let heard = Number.POSITIVE_INFINITY;
      const patienceMs = ATTEMPT_MS * 2 ** Math.floor((tries - 1) / this.#uri.hosts.length);
      const timeoutMs = Math.min(patienceMs, Math.max(1, end - performance.now()));
      try {
        signal?.throwIfAborted();
        const token = await this.#tokenFor(timeoutMs);
        const open = await channel;
        heard = open.heard;
        return await open.unary(method, request, {token, timeoutMs, signal});
      } catch (error) {
        if (signal?.aborted) throw new DekError('IO', 'etcd is not waited for any more: interrupted');
        if (this.#uri.user !== undefined && isTokenRefused(error) && tokensLeft-- > 0) {
          this.#token = undefined;
          continue;
        }
        if (!mayDoElsewhere(error)) throw storeError(error);
        const member = memberText(this.#uri.hosts[at]!);
        // A try that was cut short by the end says less than the one before.
        if (timeoutMs === patienceMs || !lost.has(member)) lost.set(member, reasonOf(error));
        await this.#lose(error, at, channel, heard);
        if (performance.now() >= end) throw new StoreAway(lost);
        if (tries % this.#uri.hosts.length === 0) await pause(PAUSE_MS * (0.5 + Math.random() / 2));
      }
    }
  }

  /** A stream to the member of now. A login before it may take so long. Rejects where it cannot even be begun. */
  async stream(method: string, loginMs = ATTEMPT_MS): Promise<MemberStream> {
    const member = this.#current;
    const channel = this.#channel(member);
    const open = await channel;
    const {heard} = open;
    const token = await this.#tokenFor(loginMs).catch(async (error) => {
      if (mayDoElsewhere(error)) await this.#lose(error, member, channel, heard);
      throw error;
    });
    const stream = open.duplex(method, token);
    return {
      stream,
      heard: () => open.heard,
      giveUp: (heard) => void this.#giveUp(member, channel, heard),
      leave: () => this.#leave(member, channel),
      forgetToken: () => {
        this.#token = undefined;
      },
    };
  }

  close(): void {
    this.#isClosed = true;
    for (const [member, channel] of this.#channels.entries()) if (channel) this.#leave(member, channel);
  }

  /** A member that failed so: another is asked. */
  async #lose(error: unknown, member: number, channel: Promise<Channel>, heard: number): Promise<void> {
    if (error instanceof NoAnswer) await this.#giveUp(member, channel, heard);
    else this.#leave(member, channel);
  }

  /**
   * A member that gave no answer in time: the next one is asked. The connection is kept where something has come by it
   * since then: its member has much to do, and another connection would be one thing more.
   */
  async #giveUp(member: number, channel: Promise<Channel>, heard: number): Promise<void> {
    if ((await channel).heard <= heard) this.#leave(member, channel);
    else if (member === this.#current) this.#current = (member + 1) % this.#channels.length;
  }

  /** That connection is not used any more; its member may come to its turn again. */
  #leave(member: number, channel: Promise<Channel>): void {
    if (this.#channels[member] !== channel) return;
    this.#channels[member] = undefined;
    channel.then(
      (open) => open.close(),
      () => {},
    );
    if (member === this.#current) this.#current = (member + 1) % this.#channels.length;
  }

  #channel(member: number): Promise<Channel> {
    if (this.#isClosed) throw new DekError('CLOSED', 'the connection to etcd was closed');
    const open = this.#channels[member];
    if (open) return open;
    const opening = this.#open(this.#uri.hosts[member]!);
    // Who asks for it learns of its failure; who asks later tries anew: a source may give what it did not give before.
    opening.catch(() => {
      if (this.#channels[member] === opening) this.#channels[member] = undefined;
    });
    this.#channels[member] = opening;
    return opening;
  }

  async #open(host: Host): Promise<Channel> {
    return Channel.to(host, await this.#identity.context());
  }

  /** Where a user and a password say who we are; undefined where the certificate does. */
  async #tokenFor(timeoutMs: number): Promise<string | undefined> {
    const {user} = this.#uri;
    if (user === undefined) return undefined;
    this.#token ??= this.#logIn(user, timeoutMs);
    return this.#token.catch((error) => {
      this.#token = undefined;
      throw error;
    });
  }

  async #logIn(user: string, timeoutMs: number): Promise<string> {
    const password = await this.#identity.password();
    const request = encodeAuthenticate(user, password!);
    try {
      const channel = await this.#channel(this.#current);
      return decodeToken(await channel.unary(METHODS.authenticate, request, {timeoutMs, signal: this.#signal}));
    } finally {
      wipe(password, request);
    }
  }
}
