/** The client of the agent, one request a call. It checks what it is given, and keeps no key. */

import {type IncomingMessage, type RequestOptions, request} from 'node:http';
import {assertInteger, toHex, viewBytes} from '../bytes.js';
import {DEK_WRAPPED_BYTES, type LoginOptions, MAX_ID, OPAQUE_LENGTHS, WRAPPED_CREDENTIAL_BYTES} from '../dek-layout.js';
import {assertDekName} from '../dek-name.js';
import {DekError, systemCode} from '../errors.js';
import type {AgentEvent} from './events.js';
import {
  type AgentStatus,
  type ApplyRequest,
  type ApplyResult,
  type CreateRequest,
  type DekStatus,
  type DestroyRequest,
  errorFromJson,
  type LoginStatus,
  ROUTES,
  type RouteName,
} from './protocol.js';
import {socketPath} from './socket-path.js';

/** An agent that does not answer for this long is stuck. */
const TIMEOUT_MS = 60_000;

/** Talks to one agent. Every method throws the agent's own DekError, NO_AGENT when none listens, PERMISSION, or IO. */
export class AgentClient {
  /** The path of the agent's socket. */
  readonly socket: string;

  constructor(socket: string) {
    this.socket = socket;
  }

  status(): Promise<AgentStatus> {
    return this.#send('status');
  }

  async login({credential, credentialId, importKekId}: LoginOptions): Promise<LoginStatus> {
    const body = viewBytes(credential, [WRAPPED_CREDENTIAL_BYTES], 'credential');
    assertInteger(credentialId, 0, MAX_ID, 'credentialId');
    assertInteger(importKekId, 0, MAX_ID, 'importKekId');
    return this.#send('login', {query: `credentialId=${credentialId}&importKekId=${importKekId}`, body});
  }

  async logout(): Promise<void> {
    await this.#send('logout');
  }

  async createDek({name, opaque, wrapped, plaintext}: CreateRequest): Promise<DekStatus> {
    assertDekName(name);
    const label = viewBytes(opaque, OPAQUE_LENGTHS, 'opaque');
    if ((wrapped === undefined) === (plaintext === undefined)) {
      throw new DekError('BAD_ARGUMENT', 'expected either "wrapped" or "plaintext"');
    }
    const query = new URLSearchParams({import: wrapped ? 'wrapped' : 'plaintext', opaque: toHex(label)});
    const body = wrapped === undefined ? undefined : viewBytes(wrapped, DEK_WRAPPED_BYTES, 'wrapped');
    if (plaintext !== undefined) {
      assertInteger(plaintext.fd, 0, 0x7fffffff, 'fd');
      query.set('fd', `${plaintext.fd}`);
      if (plaintext.format !== undefined) query.set('format', plaintext.format);
      if (plaintext.allowEqualKeys) query.set('allowEqualKeys', 'true');
    }
    return this.#send('create', {name, query: `${query}`, body});
  }

  async queryDek(name: string): Promise<DekStatus> {
    assertDekName(name);
    return this.#send('query', {name});
  }

  async listDeks(): Promise<DekStatus[]> {
    return (await this.#send<{deks: DekStatus[]}>('list')).deks;
  }

  /** The names of the DEKs that were destroyed. */
  async destroyDeks(which: DestroyRequest): Promise<string[]> {
    const {all, names = []} = which as {all?: boolean; names?: readonly string[]};
    if ((all === true) === names.length > 0) {
      throw new DekError('BAD_ARGUMENT', 'expected either "names" or "all": true');
    }
    names.forEach(assertDekName);
    const query = all ? 'all=true' : names.map((name) => `name=${encodeURIComponent(name)}`).join('&');
    return (await this.#send<{destroyed: string[]}>('destroy', {query})).destroyed;
  }

  /**
   * Applies a manifest, by its absolute path, or the last one again; rejects with the refusal that undid it. `progress`
   * is called with DEKs made so far and DEKs to make.
   */
  async apply(asked: ApplyRequest, progress: (done: number, total: number) => void = () => {}): Promise<ApplyResult> {
    const query = new URLSearchParams({dryRun: `${asked.dryRun}`, keepGoing: `${asked.keepGoing}`});
    if (asked.query) query.set('query', 'true');
    if (asked.path !== undefined) query.set('path', asked.path);
    if (asked.kek !== undefined) query.set('kek', asked.kek);
    if (asked.kekFormat !== undefined) query.set('kekFormat', asked.kekFormat);
    for await (const line of this.#lines('apply', {query: `${query}`})) {
      const {progress: at, result} = line as {progress?: {done: number; total: number}; result?: ApplyResult};
      if (at) progress(at.done, at.total);
      else if (result) return result;
      else throw errorFromJson(line);
    }
    throw new DekError('IO', 'the agent ended before the apply was done', {hint: 'dek status tells what is there'});
  }

  /** What happens in the agent from now on; the first is its status. Ends with the agent. */
  events(): AsyncGenerator<AgentEvent, void> {
    return this.#lines('events') as AsyncGenerator<AgentEvent, void>;
  }

  /** The JSON values of an answer that is a line each. */
  async *#lines(route: RouteName, asked: Asked = {}): AsyncGenerator<unknown, void> {
    const sent = request(this.#request(route, asked));
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      sent.on('response', resolve);
      sent.on('error', (error) => reject(this.#failed(error)));
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
      throw error instanceof DekError ? error : this.#failed(error as Error);
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
        response.on('error', (error) => reject(this.#failed(error)));
        response.on('end', () => {
          const answer = parseJson(text);
          if (response.statusCode === 200 && answer !== undefined) resolve(answer as T);
          else reject(errorFromJson(answer));
        });
      });
      sent.on('timeout', () => sent.destroy(new Error(`no answer within ${TIMEOUT_MS / 1000} s`)));
      sent.on('error', (error) => reject(this.#failed(error)));
      sent.end(asked.body);
    });
  }

  #request(route: RouteName, {name = '', query}: Asked): RequestOptions {
    const {method, path} = ROUTES[route];
    const named = path.replace(':name', encodeURIComponent(name));
    return {socketPath: this.socket, method, path: query ? `${named}?${query}` : named, agent: false};
  }

  #failed(cause: Error): DekError {
    const code = systemCode(cause);
    if (code === 'ENOENT' || code === 'ECONNREFUSED') {
      return new DekError('NO_AGENT', `no agent listens on ${this.socket}`, {
        hint: 'start one with: dek agent & or, for the life of one command: dek run -- CMD',
        cause,
      });
    }
    if (code === 'EACCES') {
      return new DekError('PERMISSION', `permission denied on ${this.socket}`, {
        hint: 'use the agent as its user, as root, or share it with dek agent --group GROUP',
        cause,
      });
    }
    if (code === 'ECONNRESET' || code === 'EPIPE') {
      return new DekError('IO', `the agent on ${this.socket} broke off before it answered`, {
        hint: 'dek status tells whether it still runs; when it ends, its DEKs go with it',
        cause,
      });
    }
    return new DekError('IO', `the agent on ${this.socket} failed to answer: ${cause.message}`, {cause});
  }
}

/**
 * A client of the agent at `socket`, or at the default place: $DEK_AGENT_SOCKET, $XDG_RUNTIME_DIR/dek/agent.sock,
 * /run/dek/agent.sock. Asks nothing yet: the first call tells whether one listens. Throws BAD_ARGUMENT.
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

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
