/**
 * What answers the requests that come to the agent's socket (listener.ts): who may speak, and errors with a shape. A
 * bad request ends that request, never the agent.
 */
import fastify, {type FastifyInstance, type FastifyReply} from 'fastify';
import {DekError, errorJson} from '../../errors.js';
import {jsonText} from '../../printable.js';
import type {Peer} from '../host/ffi.js';
import {httpStatus, MAX_BODY_BYTES} from '../protocol.js';
import {badRequest} from './listener.js';
import {peerOfSocket} from './peers.js';
import {type AgentCore, addRoutes} from './routes.js';

/** Builds it; its own server never listens. `allows` says whether a peer may use the agent. */
export function buildServer(core: AgentCore, allows: (peer: Peer) => boolean): FastifyInstance {
  const {events} = core;
  const app = fastify({
    bodyLimit: MAX_BODY_BYTES,
    exposeHeadRoutes: false,
    routerOptions: {maxParamLength: 512},
    ajv: {customOptions: {removeAdditional: false, coerceTypes: 'array', verbose: true}},
    schemaErrorFormatter: (errors) => new Error(whatIsExpected(errors[0]!)),
    frameworkErrors: (error: Error, _request: unknown, reply: unknown) =>
      (reply as FastifyReply).code(400).send(errorJson(badRequest(error.message))),
  });

  app.addHook('onRequest', async (request) => {
    const peer = peerOfSocket(request.raw.socket);
    if (peer && allows(peer)) return;
    events.emit('warn', 'peer-refused', {pid: peer?.pid, uid: peer?.uid});
    throw new DekError('PERMISSION', `user id ${peer?.uid ?? '?'} may not use this agent`, {
      hint: 'only the user that runs the agent and root may; dek agent --group GROUP shares it',
    });
  });

  app.setReplySerializer((value) => jsonText(value));
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', {parseAs: 'buffer'}, (_request, body, done) => done(null, body));
  app.setNotFoundHandler((request, reply) => {
    reply.code(404).send(errorJson(badRequest(`the agent has no ${request.method} ${request.url.split('?')[0]}`)));
  });
  app.setErrorHandler((error, _request, reply) => {
    const shown = asDekError(error);
    if (shown.code === 'INTERNAL') events.emit('error', 'internal', {error: String(error)});
    return reply.code(httpStatus(shown)).send(errorJson(shown));
  });

  addRoutes(app, core);
  return app;
}

/** What Ajv says of a parameter. */
interface SchemaError {
  instancePath: string;
  keyword: string;
  message?: string;
}

/** What is wrong with a parameter, in words where the schema has a regular expression. */
function whatIsExpected({instancePath, message, keyword, ...rest}: SchemaError): string {
  const name = instancePath.slice(1).replaceAll('/', ' ');
  const {description} = (rest as {parentSchema?: {description?: string}}).parentSchema ?? {};
  if (keyword === 'pattern' && description !== undefined) return `"${name}" expected ${description}`;
  return name === '' ? `the parameters ${message}` : `"${name}" ${message}`;
}

/** Fastify's own refusals carry a status below 500; anything else that is not ours is a defect. */
function asDekError(error: unknown): DekError {
  if (error instanceof DekError) return error;
  const {message, statusCode} = error as Error & {statusCode?: number};
  if (statusCode !== undefined && statusCode < 500) return badRequest(message);
  return new DekError('INTERNAL', 'the agent failed at this request; its log says where', {cause: error});
}
