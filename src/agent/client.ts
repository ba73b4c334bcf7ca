/** The client of the agent, one request a call. It checks what it is given, and keeps no key. */

import {type IncomingMessage, type RequestOptions, request} from 'node:http';
import {assertInteger, toHex, viewBytes} from '../bytes.js';
import {
  DCV_BYTES,
  DEK_WRAPPED_BYTES,
  KEYTAG_BYTES,
  type LoginOptions,
  MAX_ID,
  OPAQUE_LENGTHS,
  WRAPPED_CREDENTIAL_BYTES,
} from '../dek-layout.js';
import {assertDekName} from '../dek-name.js';
import {DekError} from '../errors.js';
import {connectionFailed} from './connection-error.js';
import type {AgentEvent} from './events.js';
import type {Proof} from './proof.js';
import {
  type AgentStatus,
  type ApplyProgress,
  type ApplyRequest,
  type ApplyResult,
  type ApplyStep,
  assertShare,
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
  async login({credential, credentialId, importKekId}: LoginOptions): Promise<LoginStatus> {
    const body = viewBytes(credential, [WRAPPED_CREDENTIAL_BYTES], 'credential');
    assertInteger(credentialId, 0, MAX_ID, 'credentialId');
    assertInteger(importKekId, 0, MAX_ID, 'importKekId');
    return this.#send('login', {query: `credentialId=${credentialId}&importKekId=${importKekId}`, body});
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
  async createDek({name, opaque, wrapped, plaintext, dcv, keytagValue}: CreateRequest): Promise<DekStatus> {
    assertDekName(name);
    const label = viewBytes(opaque, OPAQUE_LENGTHS, 'opaque');
    if ((wrapped === undefined) === (plaintext === undefined)) {
      throw new DekError('BAD_ARGUMENT', 'expected either "wrapped" or "plaintext"');
    }
    const query = new URLSearchParams({import: wrapped ? 'wrapped' : 'plaintext', opaque: toHex(label)});
    if (dcv !== undefined) query.set('dcv', toHex(viewBytes(dcv, [DCV_BYTES], 'dcv')));
    if (keytagValue !== undefined) {
      query.set('keytagValue', toHex(viewBytes(keytagValue, [KEYTAG_BYTES], 'keytagValue')));
    }
    const body = wrapped === undefined ? undefined : viewBytes(wrapped, DEK_WRAPPED_BYTES, 'wrapped');
    if (plaintext !== undefined) {
      assertInteger(plaintext.fd, 0, 0x7fffffff, 'fd');
      query.set('fd', `${plaintext.fd}`);
      if (plaintext.format !== undefined) query.set('format', plaintext.format);
      if (plaintext.allowEqualKeys) query.set('allowEqualKeys', 'true');
    }
    return this.#send('create', {name, query: `${query}`, body});
  }

  /**
   * Asks the NICs for a DEK.
   * @param name - as it was created
   * @returns its state
   * @throws DekError: BAD_ARGUMENT, NO_DEK; the agent's own, NO_AGENT, PERMISSION or IO
   */
  async queryDek(name: string): Promise<DekStatus> {
    assertDekName(name);
    return this.#send('query', {name});
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
    return (await this.#send<{destroyed: string[]}>('destroy', {query: queryOf(which)})).destroyed;
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
    for await (const line of this.#lines('prove', {query: `${queryOf(which)}${which.record ? '&record=true' : ''}`})) {
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
    const query = new URLSearchParams({dryRun: `${asked.dryRun}`, keepGoing: `${asked.keepGoing}`});
    if (asked.query) query.set('query', 'true');
    if (asked.prove !== undefined) query.set('prove', `${assertShare(asked.prove)}`);
    if (asked.path !== undefined) query.set('path', asked.path);
    if (asked.kek !== undefined) query.set('kek', asked.kek);
    if (asked.kekFormat !== undefined) query.set('kekFormat', asked.kekFormat);
    for (const name of asked.replaceKeys ?? []) query.append('replaceKey', name);
    for await (const line of this.#lines('apply', {query: `${query}`})) {
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
    const sent = request(this.#request(route, asked));
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      sent.on('response', resolve);
      sent.on('error', (error) => reject(connectionFailed(this.socket, error)));
      sent.end();
    });
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
      const sent = request({...this.#request(route, asked), timeout: TIMEOUT_MS}, (response) => {
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
      sent.on('timeout', () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
      sent.on('error', (error) => reject(connectionFailed(this.socket, error)));
      sent.end(asked.body);
    });
  }

  #request(route: RouteName, {name = '', query}: Asked): RequestOptions {
    const {method, path} = ROUTES[route];
    const named = path.replace(':name', encodeURIComponent(name));
    return {socketPath: this.socket, method, path: query ? `${named}?${query}` : named, agent: false};
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

/** What a request says beside its route. */
interface Asked {
  /** Of a DEK. */
  name?: string;
  query?: string;
  body?: Uint8Array | undefined;
}

/** Which DEKs, as a query says it. Throws BAD_ARGUMENT. */
function queryOf(which: DestroyRequest): string {
  const {all, names = []} = which as {all?: boolean; names?: readonly string[]};
  if ((all === true) === names.length > 0) {
    throw new DekError('BAD_ARGUMENT', 'expected either "names" or "all": true');
  }
  names.forEach(assertDekName);
  return all ? 'all=true' : names.map((name) => `name=${encodeURIComponent(name)}`).join('&');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
