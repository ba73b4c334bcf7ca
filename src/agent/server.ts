/**
 * The agent's HTTP server over a Holder: routes, schemas, who may speak, and errors with a shape. A bad request ends
 * that request, never the agent.
 */

import type {IncomingMessage} from 'node:http';
import type {Socket} from 'node:net';
import fastify, {type FastifyInstance, type FastifyReply, type FastifyRequest} from 'fastify';
import {fromHex, wipe} from '../bytes.js';
import {DekError, errorJson} from '../errors.js';
import {readBody} from './body.js';
import {type Peer, peerOf} from './ffi.js';
import type {Holder} from './holder.js';
import type {Log} from './log.js';
import {httpStatus, type ImportMode, MAX_BODY_BYTES, schemas} from './protocol.js';

/** A client that has sent half a request for this long is cut off. */
const REQUEST_TIMEOUT_MS = 10_000;

export interface ServerOptions {
  holder: Holder;
  version: string;
  log: Log;
  /** Whether this peer may use the agent. */
  allows: (peer: Peer) => boolean;
}

/** Builds the server; the caller listens. */
export function buildServer({holder, version, log, allows}: ServerOptions): FastifyInstance {
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: {maxParamLength: 512},
    ajv: {customOptions: {removeAdditional: false, coerceTypes: 'array'}},
    frameworkErrors: (error: Error, _request: unknown, reply: unknown) =>
      (reply as FastifyReply).code(400).send(errorJson(badRequest(error.message))),
  });

  app.addHook('onRequest', async (request) => {
    const peer = peerOfSocket(request.raw.socket);
    if (peer && allows(peer)) return;
    log('warn', 'peer-refused', {pid: peer?.pid, uid: peer?.uid});
    throw new DekError('PERMISSION', `user id ${peer?.uid ?? '?'} may not use this agent`, {
      hint: 'only the user that runs the agent and root may; dek agent --group GROUP shares it',
    });
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request: unknown, payload: IncomingMessage) => readBody(payload, MAX_BODY_BYTES));
  app.setNotFoundHandler((request, reply) => {
    reply.code(404).send(errorJson(badRequest(`the agent has no ${request.method} ${request.url.split('?')[0]}`)));
  });
  app.setErrorHandler((error, _request, reply) => {
    const shown = asDekError(error);
    if (shown.code === 'INTERNAL') log('error', 'internal', {error: String(error)});
    return reply.code(httpStatus(shown)).send(errorJson(shown));
  });

  app.get('/v1/status', {schema: schemas.empty}, async () => ({version, pid: process.pid, ...holder.status()}));

  app.put<{Querystring: {credentialId: number; importKekId: number}; Body: unknown}>(
    '/v1/login',
    {schema: schemas.login},
    async (request) => withBody(request, (credential) => holder.login({credential, ...request.query})),
  );
  app.delete('/v1/login', {schema: schemas.empty}, async () => {
    holder.logout();
    return {};
  });

  app.get('/v1/deks', {schema: schemas.empty}, async () => ({deks: await holder.list()}));
  app.put<{Params: {name: string}; Querystring: {import: ImportMode; opaque: string}; Body: unknown}>(
    '/v1/deks/:name',
    {schema: schemas.create},
    async (request) =>
      withBody(request, (key) =>
        holder.create({...request.params, ...request.query, key, opaque: fromHex(request.query.opaque, 'opaque')}),
      ),
  );
  app.get<{Params: {name: string}}>('/v1/deks/:name', {schema: schemas.one}, async (request) =>
    holder.query(request.params.name),
  );
  app.delete<{Querystring: {all?: 'true'; name?: string[]}}>('/v1/deks', {schema: schemas.destroy}, async (request) => {
    const {name} = request.query;
    return {destroyed: holder.destroy(name ? {names: name} : {all: true})};
  });
  return app;
}

/** Hands the body to `use` and wipes it afterwards: it may be a key. */
async function withBody<T>(request: FastifyRequest, use: (body: Uint8Array) => Promise<T>): Promise<T> {
  const body = request.body instanceof Uint8Array ? request.body : new Uint8Array();
  try {
    return await use(body);
  } finally {
    wipe(body);
  }
}

const peers = new WeakMap<Socket, Peer>();

/** The peer of a connection, or undefined when it is gone already. Node keeps the descriptor in `_handle.fd`. */
function peerOfSocket(socket: Socket & {_handle?: {fd?: number} | null}): Peer | undefined {
  const known = peers.get(socket);
  if (known) return known;
  const fd = socket._handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  const peer = peerOf(fd);
  peers.set(socket, peer);
  return peer;
}

function badRequest(message: string): DekError<'BAD_ARGUMENT'> {
  return new DekError('BAD_ARGUMENT', message, {hint: 'dek-agent(8) lists the requests'});
}

/** Fastify's own refusals carry a status below 500; anything else that is not ours is a defect. */
function asDekError(error: unknown): DekError {
  if (error instanceof DekError) return error;
  const {message, statusCode} = error as Error & {statusCode?: number};
  if (statusCode !== undefined && statusCode < 500) return badRequest(message);
  return new DekError('INTERNAL', 'the agent failed at this request; its log says where', {cause: error});
}
