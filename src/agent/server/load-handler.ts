/**
 * Loads what answers requests: Fastify with its schemas, and prom-client. Apart from all else, because it takes longer
 * to load than an agent takes to start (listener.ts).
 */
import type {AgentEvent} from '../events.js';
import type {RequestHandler} from './listener.js';
import {isAllowed} from './peers.js';
import type {AgentCore} from './routes.js';

/** Returns what loads it. Until then the events are kept that the counters of /metrics will start from. */
export function handlerLoader(
  core: Omit<AgentCore, 'metrics'>,
  gid: number | undefined,
): () => Promise<RequestHandler> {
  const {events, status} = core;
  const past: AgentEvent[] = [];
  const stopKeeping = events.listen((event) => past.push(event));
  return async () => {
    const [{buildServer}, {Metrics}] = await Promise.all([import('./server.js'), import('./metrics.js')]).catch(
      (error: unknown) => {
        events.emit('error', 'internal', {error: `what answers cannot be loaded: ${(error as Error).message}`});
        throw error;
      },
    );
    const metrics = new Metrics(events, past.splice(0), status);
    stopKeeping();
    const app = buildServer({...core, metrics}, (peer) => isAllowed(peer, gid));
    await app.ready();
    return app;
  };
}
