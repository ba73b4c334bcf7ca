/**
 * Whether anybody still waits for what a request asked for: its client may have gone, or the agent may be about to end.
 */
import type {ServerResponse} from 'node:http';
import {DekError} from '../errors.js';

/** Fires when the client goes away before it has its answer, and when `stopping` does. */
export function whileWanted(response: ServerResponse, stopping: AbortSignal): AbortSignal {
  const unwanted = new AbortController();
  const end = (): void => unwanted.abort();
  // Not AbortSignal.any: in Node 20 a signal that lives long keeps something of each that was made of it.
  stopping.addEventListener('abort', end);
  response.once('close', () => {
    stopping.removeEventListener('abort', end);
    if (!response.writableFinished) end();
  });
  if (stopping.aborted || response.destroyed) end();
  return unwanted.signal;
}

/** Throws IO once nobody waits any more. */
export function assertWanted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new DekError('IO', 'the client has gone, or the agent ends; nothing was changed');
}
