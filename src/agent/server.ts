/**
 * The agent's HTTP server over a Holder: routes, schemas, who may speak, and errors with a shape. A bad request ends
 * that request, never the agent.
 */

import type {IncomingMessage} from 'node:http';
import type {Socket} from 'node:net';
import fastify, {type FastifyInstance, type FastifyReply} from 'fastify';
import {fromHex, wipe} from '../bytes.js';
import {readSecretOf} from '../custody/source.js';
import {DekError, errorJson} from '../errors.js';
import {DEK_PLAINTEXT_BYTES} from '../wrap/layout.js';
import {type Peer, peerOf} from './ffi.js';
import type {Holder} from './holder.js';
import type {Log} from './log.js';
import {httpStatus, type ImportMode, type KeyFormat, MAX_BODY_BYTES, schemas} from './protocol.js';

/** A client that has sent half a body for this long is cut off; Node itself cuts off half a head. */
const BODY_TIMEOUT_MS = 10_000;
/** Room for the names of all DEKs that fit on a command line. */
const MAX_HEAD_BYTES = 2 ** 22;

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
    http: {maxHeaderSize: MAX_HEAD_BYTES},
    exposeHeadRoutes: false,
    forceCloseConnections: true,
    routerOptions: {maxParamLength: 512},
    ajv: {customOptions: {removeAdditional: false, coerceTypes: 'array'}},
    frameworkErrors: (error: Error, _request: unknown, reply: unknown) =>
      (reply as FastifyReply).code(400).send(errorJson(badRequest(error.message))),
    clientErrorHandler: (error, socket) => {
      // What follows a request is garbage: the answer to that may be still under way.
      if (peers.has(socket)) socket.setTimeout(BODY_TIMEOUT_MS, () => socket.destroy());
      else if (!socket.writable) socket.destroy();
      else socket.end(bareAnswer(badRequest(`this is not an HTTP request: ${error.message}`)));
    },
  });

  app.addHook('onRequest', async (request) => {
    limitBody(request.raw);
    const peer = peerOfSocket(request.raw.socket);
    if (peer && allows(peer)) return;
    log('warn', 'peer-refused', {pid: peer?.pid, uid: peer?.uid});
    throw new DekError('PERMISSION', `user id ${peer?.uid ?? '?'} may not use this agent`, {
      hint: 'only the user that runs the agent and root may; dek agent --group GROUP shares it',
    });
  });

  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', {parseAs: 'buffer'}, (_request, body, done) => done(null, body));
  app.setNotFoundHandler((request, reply) => {
    reply.code(404).send(errorJson(badRequest(`the agent has no ${request.method} ${request.url.split('?')[0]}`)));
  });
  app.setErrorHandler((error, _request, reply) => {
    const shown = asDekError(error);
    if (shown.code === 'INTERNAL') log('error', 'internal', {error: String(error)});
    return reply.code(httpStatus(shown)).send(errorJson(shown));
  });

  app.get('/v1/status', {schema: schemas.empty}, async () => ({version, pid: process.pid, ...holder.status()}));

  app.put<{Querystring: {credentialId: number; importKekId: number}; Body: Buffer | undefined}>(
    '/v1/login',
    {schema: schemas.login},
    async (request) => holder.login({credential: request.body ?? NOTHING, ...request.query}),
  );
  app.delete('/v1/login', {schema: schemas.empty}, async () => {
    holder.logout();
    return {};
  });

  app.get('/v1/deks', {schema: schemas.empty}, async () => ({deks: await holder.list()}));
  app.put<{Params: {name: string}; Querystring: CreateQuery; Body: Buffer | undefined}>(
    '/v1/deks/:name',
    {schema: schemas.create},
    async ({params: {name}, query, body = NOTHING, raw}) => {
      const opaque = fromHex(query.opaque, 'opaque');
      if (query.import === 'wrapped') return holder.create({name, opaque, import: 'wrapped', key: body});
      if (query.fd === undefined || body.length > 0) {
        throw badRequest('a plaintext key is read from a descriptor of yours: import=plaintext&fd=N, and no body');
      }
      const from = {pid: peerOfSocket(raw.socket)!.pid, fd: query.fd};
      const key = await readSecretOf(from, DEK_PLAINTEXT_BYTES, 'plaintext key', query.format);
      try {
        return await holder.create({name, opaque, import: 'plaintext', key});
      } finally {
        wipe(key);
      }
    },
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

interface CreateQuery {
  import: ImportMode;
  opaque: string;
  fd?: number;
  format?: KeyFormat;
}

const NOTHING = Buffer.alloc(0);

function limitBody(request: IncomingMessage): void {
  const late = setTimeout(() => {
    if (!request.complete) request.destroy();
  }, BODY_TIMEOUT_MS);
  request.once('close', () => clearTimeout(late));
}

/** An answer to what Node could not make a request of. */
function bareAnswer(error: DekError): string {
  const body = JSON.stringify(errorJson(error));
  return `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
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
