/** The client of the agent, one request a call. It checks what it is given, and keeps no key. */

import {type ClientRequest, type IncomingMessage, request} from 'node:http';
import type {LoginOptions} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {type Asked, askedApply, askedCreate, askedDek, askedDeks, askedLogin, askedProofs} from './asked.js';
import {connectionFailed} from './connection-error.js';
import type {AgentEvent} from './events.js';
import type {Proof} from './proof.js';
import {
  type AgentStatus,
  type ApplyProgress,
  type ApplyRequest,
  type ApplyResult,
  type ApplyStep,
  type CreateRequest,
  type DekStatus,
  type DestroyRequest,
  errorFromJson,
  type LoginStatus,
  type ProveRequest,
  ROUTES,
  type RouteName,
} from './protocol.js';
import type {AttachOptions, LendOptions, SharedContext} from './service/shared-context.js';
import {socketPath} from './socket-path.js';

/** An agent that does not answer for this long is stuck. */
const TIMEOUT_MS = 60_000;

/**
 * Talks to one agent, a request a call. Every method throws the agent's own DekError, or NO_AGENT when none listens,
 * PERMISSION, or IO when it does not answer within a minute.
 */
export class AgentClient {
  /** The path of the agent's socket. */
  readonly socket: string;

  /** @internal `connectAgent()` makes clients. */
  constructor(socket: string) {
    this.socket = socket;
  }

  /**
   * How the agent is.
   * @returns its NICs, logins and numbers of DEKs
   * @throws DekError: NO_AGENT, PERMISSION, IO
   */
  status(): Promise<AgentStatus> {
    return this.#send('status');
  }

  /**
   * Lends a context to the agent, which makes its DEKs there: dek-attach(7).
   * @param options - the context, and which DEKs
   * @returns the DEKs, and what becomes of them; the caller closes it
   * @throws DekError: BAD_ARGUMENT, NO_DEK, NOT_READY, LIMIT, UNSUPPORTED; NO_AGENT, PERMISSION or IO
   */
  async lend(options: LendOptions): Promise<SharedContext> {
    const {SharedContext} = await import('./service/shared-context.js');
    return SharedContext.lend(this.socket, options);
  }

  /**
   * Shares the agent's own context of a NIC: dek-attach(7).
   * @param options - which NIC, and which DEKs
   * @returns the context and its DEKs, and what becomes of them; the caller closes it
   * @throws DekError: EXISTS when another has it; BAD_ARGUMENT, NO_DEK, NO_DEVICE, NOT_READY, UNSUPPORTED; NO_AGENT,
   *   PERMISSION or IO
   */
  async attach(options: AttachOptions = {}): Promise<SharedContext> {
    const {SharedContext} = await import('./service/shared-context.js');
    return SharedContext.attach(this.socket, options);
  }

  /**
   * Has the agent log in to each of its NICs.
   * @param options - the wrapped credential of 48 bytes, and the ids of credential and import KEK on the NICs
   * @returns the login as the NICs see it
   * @throws DekError: BAD_ARGUMENT; the agent's own, NO_AGENT, PERMISSION or IO
   */
  async login(options: LoginOptions): Promise<LoginStatus> {
    return this.#send('login', askedLogin(options));
  }

  /**
   * Has the agent log out of each of its NICs.
   * @throws DekError: the agent's own, NO_AGENT, PERMISSION or IO
   */
  async logout(): Promise<void> {
    await this.#send('logout');
  }

  /**
   * Has the agent create a DEK on each of its NICs.
   * @param request - its name, key and label
   * @returns the DEK as the NICs see it
   * @throws DekError: BAD_ARGUMENT; the agent's own, NO_AGENT, PERMISSION or IO
   */
  async createDek(request: CreateRequest): Promise<DekStatus> {
    return this.#send('create', askedCreate(request));
  }

  /**
   * Asks the NICs for a DEK.
   * @param name - as it was created
   * @returns its state
   * @throws DekError: BAD_ARGUMENT, NO_DEK; the agent's own, NO_AGENT, PERMISSION or IO
   */
  async queryDek(name: string): Promise<DekStatus> {
    return this.#send('query', askedDek(name));
  }

  /**
   * Asks the NICs for all DEKs of the agent.
   * @returns their states, by name
   * @throws DekError: the agent's own, NO_AGENT, PERMISSION or IO
   */
  async listDeks(): Promise<DekStatus[]> {
    return (await this.#send<{deks: DekStatus[]}>('list')).deks;
  }

  /**
   * Has the agent destroy DEKs.
   * @param which - all, or those named; none is destroyed when one of the names is unknown
   * @returns the names of those that were destroyed
   * @throws DekError: BAD_ARGUMENT, NO_DEK; the agent's own, NO_AGENT, PERMISSION or IO
   */
  async destroyDeks(which: DestroyRequest): Promise<string[]> {
    return (await this.#send<{destroyed: string[]}>('destroy', askedDeks(which))).destroyed;
  }

  /**
   * Has the agent prove DEKs: known data passes the NIC with each, and is compared with the DEK's check value.
   * @param which - all, or those named; none is proven when one of the names is unknown; `record`: for a DEK of the
   *   manifest without a check value that of the NIC is taken
   * @param progress - is called with the number of proofs so far
   * @returns a proof for each on each NIC
   * @throws DekError: BAD_ARGUMENT, NO_DEK; the agent's own, NO_AGENT, PERMISSION or IO
   */
  async proveDeks(which: ProveRequest, progress: (done: number) => void = () => {}): Promise<Proof[]> {
    const proofs: Proof[] = [];
    for await (const line of this.#lines('prove', askedProofs(which))) {
      const {proofs: some, done} = line as {proofs?: Proof[]; done?: true};
      if (some) {
        for (const proof of some) proofs.push(proof);
        progress(proofs.length);
      } else if (done) return proofs;
      else throw errorFromJson(line);
    }
    throw new DekError('IO', 'the agent ended before all was proven', {hint: 'dek status tells what is there'});
  }

  /**
   * Has the agent hold exactly the DEKs of a manifest, all or nothing unless `keepGoing`.
   * @param asked - the manifest, and how far to go
   * @param progress - is called with DEKs done so far, of how many, and whether they are created or proven
   * @returns what was done
   * @throws DekError: the refusal that undid it, PROOF_FAILED or NOT_PROVABLE among them; the agent's own, NO_AGENT,
   *   PERMISSION or IO
   */
  async apply(asked: ApplyRequest, progress: ApplyProgress = () => {}): Promise<ApplyResult> {
    for await (const line of this.#lines('apply', askedApply(asked))) {
      const {progress: at, result} = line as {
        progress?: {done: number; total: number; step: ApplyStep};
        result?: ApplyResult;
      };
      if (at) progress(at.done, at.total, at.step);
      else if (result) return result;
      else throw errorFromJson(line);
    }
    throw new DekError('IO', 'the agent ended before the apply was done', {hint: 'dek status tells what is there'});
  }

  /**
   * What happens in the agent from now on; the first is its status.
   * @returns the events, until the agent ends or the caller stops
   * @throws DekError: the agent's own, NO_AGENT, PERMISSION or IO
   */
  events(): AsyncGenerator<AgentEvent, void> {
    return this.#lines('events') as AsyncGenerator<AgentEvent, void>;
  }

  /** The JSON values of an answer that is a line each. */
  async *#lines(route: RouteName, asked: Asked = {}): AsyncGenerator<unknown, void> {
    const sent = this.#begin(route, asked);
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      sent.on('response', resolve);
      sent.on('error', (error) => reject(connectionFailed(this.socket, error)));
      sent.end();
    });
    sent.setTimeout(0); // how long the lines take is the agent's business
    try {
      let rest = '';
      for await (const piece of response.setEncoding('utf8') as AsyncIterable<string>) {
        const lines = (rest + piece).split('\n');
        rest = lines.pop()!;
        for (const line of lines) {
          const value = parseJson(line);
          if (response.statusCode !== 200 || value === undefined) throw errorFromJson(value);
          yield value;
        }
      }
      if (rest !== '') throw errorFromJson(parseJson(rest));
    } catch (error) {
      throw error instanceof DekError ? error : connectionFailed(this.socket, error as Error);
    } finally {
      sent.destroy();
    }
  }

  #send<T>(route: RouteName, asked: Asked = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const sent = this.#begin(route, asked).on('response', (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          text += piece;
        });
        response.on('error', (error) => reject(connectionFailed(this.socket, error)));
        response.on('end', () => {
          const answer = parseJson(text);
          if (response.statusCode === 200 && answer !== undefined) resolve(answer as T);
          else reject(errorFromJson(answer));
        });
      });
      sent.on('error', (error) => reject(connectionFailed(this.socket, error)));
      sent.end(asked.body);
    });
  }

  #begin(route: RouteName, {name = '', query}: Asked): ClientRequest {
    const {method, path: pattern} = ROUTES[route];
    const named = pattern.replace(':name', encodeURIComponent(name));
    const path = query ? `${named}?${query}` : named;
    const begun = request({socketPath: this.socket, method, path, agent: false, timeout: TIMEOUT_MS});
    return begun.on('timeout', () => begun.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
  }
}

/**
 * A client of the agent on a socket. It asks nothing yet: the first call tells whether one listens there.
 * @param socket - the path of its socket; the default place when left out, as in dek(1)
 * @returns a client, which holds nothing open between calls
 * @throws DekError: BAD_ARGUMENT when the path is none
 */
export async function connectAgent(socket?: string): Promise<AgentClient> {
  if (socket !== undefined && typeof socket !== 'string') {
    throw new DekError('BAD_ARGUMENT', '"socket" expected a path');
  }
  return new AgentClient(socketPath(socket));
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
