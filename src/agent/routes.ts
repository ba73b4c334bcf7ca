/** What the agent answers to: the routes of protocol.ts over what it holds. */
import type {Socket} from 'node:net';
import {setTimeout as pause} from 'node:timers/promises';
import type {FastifyInstance, FastifyReply} from 'fastify';
import {fromHex, wipe} from '../bytes.js';
import {readSecretOf} from '../custody/source.js';
import {DekError, errorJson} from '../errors.js';
import {DEK_PLAINTEXT_BYTES} from '../wrap/layout.js';
import type {Events} from './events.js';
import {type Follower, sourceLimit} from './follower.js';
import type {Holder} from './holder.js';
import {badRequest} from './listener.js';
import type {Metrics} from './metrics.js';
import {peerOfSocket} from './peers.js';
import {type AgentStatus, type ApplyRequest, type ImportMode, type KeyFormat, schemas} from './protocol.js';
import {JSON_LINES, JsonLines} from './stream.js';
import {whileWanted} from './wanted.js';

/** Progress lines of an apply come no closer than this. */
const PROGRESS_MS = 100;

/** How long those who follow the events have, when the agent ends, to read what they were not told yet. */
const FAREWELL_MS = 1000;

/** The parts of an agent that its routes use. */
export interface AgentCore {
  readonly holder: Holder;
  readonly follower: Follower;
  readonly events: Events;
  readonly metrics: Metrics;
  /** Fires when the agent ends. */
  readonly stopping: AbortSignal;
  status(): AgentStatus;
  /** Whether all is READY: /healthz. */
  healthy(): boolean;
}

export function addRoutes(app: FastifyInstance, core: AgentCore): void {
  const {holder, events, metrics} = core;
  app.get('/v1/status', {schema: schemas.empty}, async () => core.status());

  app.put<{Querystring: {credentialId: number; importKekId: number}; Body: Buffer | undefined}>(
    '/v1/login',
    {schema: schemas.login},
    async (request, reply) =>
      holder.login({credential: request.body ?? NOTHING, ...request.query}, whileWanted(reply.raw, core.stopping)),
  );
  app.delete('/v1/login', {schema: schemas.empty}, async (_request, reply) => {
    await holder.logout(whileWanted(reply.raw, core.stopping));
    return {};
  });

  app.get('/v1/deks', {schema: schemas.empty}, async (_request, reply) => ({
    deks: await holder.list(whileWanted(reply.raw, core.stopping)),
  }));
  app.put<{Params: {name: string}; Querystring: CreateQuery; Body: Buffer | undefined}>(
    '/v1/deks/:name',
    {schema: schemas.create},
    async ({params: {name}, query, body = NOTHING, raw}, reply) => {
      const opaque = fromHex(query.opaque, 'opaque');
      const signal = whileWanted(reply.raw, core.stopping);
      if (query.import === 'wrapped') return holder.create({name, opaque, import: 'wrapped', key: body}, signal);
      if (query.fd === undefined || body.length > 0) {
        throw badRequest('a plaintext key is read from a descriptor of yours: import=plaintext&fd=N, and no body');
      }
      assertNamesSources(raw.socket);
      const from = {pid: peerOfSocket(raw.socket)!.pid, fd: query.fd};
      const limit = sourceLimit(signal);
      const key = await readSecretOf(from, DEK_PLAINTEXT_BYTES, 'plaintext key', query.format, limit);
      try {
        return await holder.create({name, opaque, import: 'plaintext', key}, signal);
      } finally {
        wipe(key);
      }
    },
  );
  app.get<{Params: {name: string}}>('/v1/deks/:name', {schema: schemas.one}, async (request) =>
    holder.query(request.params.name),
  );
  app.delete<{Querystring: {all?: 'true'; name?: string[]}}>(
    '/v1/deks',
    {schema: schemas.destroy},
    async (request, reply) => {
      const {name} = request.query;
      return {
        destroyed: await holder.destroy(name ? {names: name} : {all: true}, whileWanted(reply.raw, core.stopping)),
      };
    },
  );

  app.post<{Querystring: {path?: string; kek?: string; dryRun: boolean; keepGoing: boolean}}>(
    '/v1/apply',
    {schema: schemas.apply},
    (request, reply) => {
      const {path, kek, dryRun, keepGoing} = request.query;
      if (kek !== undefined) assertNamesSources(request.raw.socket);
      return applyAsStream(core, {path, kek, dryRun, keepGoing}, reply);
    },
  );
  const followers = new Set<JsonLines>();
  app.get('/v1/events', {schema: schemas.empty}, (_request, reply) => {
    const lines = new JsonLines();
    followers.add(lines);
    // A client that reads too slowly is cut off: the agent does not keep events for it.
    const stop = events.listen((event) => lines.write(event) || lines.cutOff(), 'info');
    lines.body.once('close', () => {
      stop();
      followers.delete(lines);
    });
    lines.write({time: new Date().toISOString(), level: 'info', event: 'status', ...core.status()});
    return reply.type(JSON_LINES).send(lines.body);
  });
  // The stream ends with the agent, whole for those who read it; the server cuts off the others.
  app.addHook('preClose', async () => {
    await Promise.race([
      Promise.all([...followers].map((lines) => lines.finish())),
      pause(FAREWELL_MS, undefined, {ref: false}),
    ]);
  });

  app.get('/metrics', {schema: schemas.empty}, async (_request, reply) => {
    reply.type(metrics.contentType);
    return metrics.text();
  });
  app.get('/healthz', {schema: schemas.empty}, async (_request, reply) => {
    const healthy = core.healthy();
    return reply.code(healthy ? 200 : 503).send({healthy});
  });
}

/** Answers with progress lines and, at last, `{"result"}` or `{"error"}`. A client that goes away ends the apply. */
function applyAsStream(core: AgentCore, request: ApplyRequest, reply: FastifyReply): FastifyReply {
  const lines = new JsonLines();
  let next = 0;
  const progress = (done: number, total: number): void => {
    if (performance.now() < next && done < total) return;
    next = performance.now() + PROGRESS_MS;
    lines.write({progress: {done, total}});
  };
  core.follower
    .apply(request, {signal: whileWanted(reply.raw, core.stopping), progress})
    .then((result) => lines.write({result}))
    .catch((error: unknown) => {
      const shown =
        error instanceof DekError ? error : new DekError('INTERNAL', 'the agent failed at this apply', {cause: error});
      lines.write(errorJson(shown));
    })
    .finally(() => lines.end());
  return reply.type(JSON_LINES).send(lines.body);
}

/** A member of the agent's group may not have it read what that member could not, nor wait for it. Throws PERMISSION. */
function assertNamesSources(socket: Socket): void {
  const uid = peerOfSocket(socket)?.uid;
  if (uid === 0 || uid === process.geteuid?.()) return;
  throw new DekError('PERMISSION', `user id ${uid} may not name a source of secrets to this agent`, {
    hint: 'only the user that runs the agent and root may',
  });
}

interface CreateQuery {
  import: ImportMode;
  opaque: string;
  fd?: number;
  format?: KeyFormat;
}

const NOTHING = Buffer.alloc(0);
