/** What the agent answers to: the routes of protocol.ts over what it holds. */
import type {Socket} from 'node:net';
import type {FastifyInstance, FastifyReply, FastifyRequest} from 'fastify';
import {fromHex, wipe} from '../../bytes.js';
import {readSecretOf} from '../../custody/source.js';
import {DEK_PLAINTEXT_BYTES, type ImportMode} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {askedBy} from '../asker.js';
import type {Events} from '../events.js';
import {
  type AgentStatus,
  type DekStatus,
  type DestroyRequest,
  type KeyFormat,
  ROUTES,
  type RouteName,
} from '../protocol.js';
import type {DekSet} from '../set/dek-set.js';
import {sourceLimit} from '../set/manifest-follower.js';
import {whileWanted} from '../wanted.js';
import {type Applier, applyAsStream} from './apply-stream.js';
import {EventStream} from './event-stream.js';
import {JSON_LINES, type JsonLines} from './json-lines.js';
import {badRequest} from './listener.js';
import type {Metrics} from './metrics.js';
import {peerOfSocket} from './peers.js';
import {proveAsStream} from './prove-stream.js';

/** The parts of an agent that its routes use. */
export interface AgentCore {
  /** The DEKs of its own. Throws UNSUPPORTED when it makes them for others alone. */
  own(): DekSet;
  /** Whether DEKs come from signed manifests only: no request makes another. */
  readonly isSignedOnly: boolean;
  /** Applies manifests, in all contexts. */
  readonly applier: Applier;
  readonly events: Events;
  readonly metrics: Metrics;
  /** Fires when the agent ends. */
  readonly stopping: AbortSignal;
  status(): Promise<AgentStatus>;
  /** Whether all is READY: /healthz. */
  healthy(): Promise<boolean>;
}

/** What the schemas of the routes let through. */
interface Requests extends Record<RouteName, object> {
  login: {Querystring: {credentialId: number; importKekId: number}; Body: Buffer | undefined};
  create: {Params: {name: string}; Querystring: CreateQuery; Body: Buffer | undefined};
  query: {Params: {name: string}};
  destroy: {Querystring: {all?: 'true'; name?: string[]}};
  prove: {Querystring: {all?: 'true'; name?: string[]; record: boolean}};
  apply: {Querystring: ApplyQuery};
}

interface CreateQuery {
  import: ImportMode;
  opaque: string;
  fd?: number;
  format?: KeyFormat;
  allowEqualKeys: boolean;
  dcv?: string;
  keytagValue?: string;
}

interface ApplyQuery {
  path?: string;
  kek?: string;
  kekFormat?: KeyFormat;
  dryRun: boolean;
  keepGoing: boolean;
  query: boolean;
  prove?: number;
  replaceKey: string[];
}

type Handlers = {
  [Name in RouteName]: (request: FastifyRequest<Requests[Name]>, reply: FastifyReply) => unknown;
};

/** Adds every route of the protocol. */
export function addRoutes(app: FastifyInstance, core: AgentCore): void {
  const stream = new EventStream(core.events, core.status);
  app.addHook('preClose', () => stream.end());
  for (const [name, handler] of Object.entries(handlersOf(core, stream)) as [RouteName, Handlers['status']][]) {
    const {method, path: url, schema} = ROUTES[name];
    // HEAD is answered as GET is, but of events without end there is nothing to tell beforehand.
    const exposeHeadRoute = name !== 'events';
    app.route({method, url, schema, exposeHeadRoute, handler: async (request, reply) => handler(request, reply)});
  }
}

function handlersOf(core: AgentCore, stream: EventStream): Handlers {
  const {applier, metrics, stopping} = core;
  const wanted = (reply: FastifyReply): AbortSignal =>
    askedBy(whileWanted(reply.raw, stopping), peerOfSocket(reply.request.raw.socket));
  return {
    status: () => core.status(),
    login: ({query, body = NOTHING}, reply) => core.own().login({credential: body, ...query}, wanted(reply)),
    logout: async (_, reply) => {
      await core.own().logout(wanted(reply));
      return {};
    },
    list: async (_, reply) => ({deks: await core.own().list(wanted(reply))}),
    create: async (request, reply) => {
      const by = wanted(reply);
      try {
        if (core.isSignedOnly) throw signedOnly();
        return await create(core.own(), request, by);
      } catch (error) {
        const result = error instanceof DekError ? error.code : 'INTERNAL';
        const deks = [{name: request.params.name, dcv: request.query.dcv ?? null}];
        core.events.audit(() => ({kind: 'create', by, manifest: {}, results: new Map([[result, deks]])}));
        throw error;
      }
    },
    query: ({params: {name}}) => core.own().query(name),
    destroy: async ({query: {name}}, reply) => {
      return {destroyed: await core.own().destroy(meant(name), wanted(reply))};
    },
    prove: ({query: {name, record}}, reply) => {
      const dekSet = core.own();
      const names = dekSet.namesOf(meant(name));
      return sendLines(reply, proveAsStream(dekSet, names, {record, signal: wanted(reply)}));
    },
    apply: ({query: {path, kek, kekFormat, replaceKey: replaceKeys, ...how}, raw}, reply) => {
      if (kek !== undefined) assertNamesSources(raw.socket);
      return sendLines(reply, applyAsStream(applier, {path, kek, kekFormat, replaceKeys, ...how}, wanted(reply)));
    },
    events: (_, reply) => sendLines(reply, stream.follow()),
    metrics: (_, reply) => {
      reply.type(metrics.contentType);
      return metrics.text();
    },
    healthz: async (_, reply) => {
      const healthy = await core.healthy();
      return reply.code(healthy ? 200 : 503).send({healthy});
    },
  };
}

/** Which DEKs a query means: `?name=...`, or `?all=true`. */
function meant(names: string[] | undefined): DestroyRequest {
  return names ? {names} : {all: true};
}

/** The head of the answer goes at once: the first line may come late, and a client waits for an agent that answers. */
function sendLines(reply: FastifyReply, lines: JsonLines): FastifyReply {
  reply.type(JSON_LINES).send(lines.body);
  reply.raw.flushHeaders();
  return reply;
}

/**
 * Creates a DEK from the wrapped key in the body, or from a plaintext key that is read from the client's descriptor.
 */
async function create(
  dekSet: DekSet,
  {params: {name}, query, body = NOTHING, raw}: FastifyRequest<Requests['create']>,
  signal: AbortSignal,
): Promise<DekStatus> {
  const dek = {
    name,
    opaque: fromHex(query.opaque, 'opaque'),
    dcv: query.dcv === undefined ? undefined : fromHex(query.dcv, 'dcv'),
    keytagValue: query.keytagValue === undefined ? undefined : fromHex(query.keytagValue, 'keytagValue'),
  };
  if (query.import === 'wrapped') return dekSet.create({...dek, import: 'wrapped', key: body}, signal);
  if (query.fd === undefined || body.length > 0) {
    throw badRequest('a plaintext key is read from a descriptor of yours: import=plaintext&fd=N, and no body');
  }
  assertNamesSources(raw.socket);
  const from = {pid: peerOfSocket(raw.socket)!.pid, fd: query.fd};
  const key = await readSecretOf(from, DEK_PLAINTEXT_BYTES, 'plaintext key', query.format, sourceLimit(signal));
  try {
    return await dekSet.create({...dek, import: 'plaintext', key, allowEqualKeys: query.allowEqualKeys}, signal);
  } finally {
    wipe(key);
  }
}

/**
 * A member of the agent's group may not have it read what that member could not, nor wait for it. Throws PERMISSION.
 */
function assertNamesSources(socket: Socket): void {
  const uid = peerOfSocket(socket)?.uid;
  if (uid === 0 || uid === process.geteuid?.()) return;
  throw new DekError('PERMISSION', `user id ${uid} may not name a source of secrets to this agent`, {
    hint: 'only the user that runs the agent and root may',
  });
}

function signedOnly(): DekError<'PERMISSION'> {
  return new DekError('PERMISSION', 'this agent makes DEKs of signed manifests only', {
    hint: 'add the DEK to the manifest, sign that, and dek apply it',
  });
}

const NOTHING = Buffer.alloc(0);
