/**
 * Listens on the agent's socket as long as the agent lives: looks whether it is there, and binds it anew when it is
 * not.
 */
import type {Events} from '../events.js';
import {everySecond} from '../every-second.js';
import type {Listener} from './listener.js';
import {isPassedSocketThere, type PassedSocket} from './passed-socket.js';
import {bindSocket} from './socket.js';

/**
 * Listens on a socket: one to bind, for group `gid` too, or one that was passed. Resolves to the way to end that.
 * Throws what `bindSocket` throws.
 */
export async function listenOn(
  listener: Listener,
  socket: string | PassedSocket,
  gid: number | undefined,
  events: Events,
): Promise<() => void> {
  if (typeof socket !== 'string') {
    await listener.listen({fd: socket.fd});
    return everySecond(
      async () => {
        // Only the service manager can bind it anew.
        if (!isPassedSocketThere(socket)) throw new Error('it is not there any more: restart its socket unit');
      },
      lost(socket.path, events),
    );
  }
  const bound = await bindSocket(socket, gid, (path) => listener.listen({path}));
  const stop = everySecond(
    async () => {
      if (await bound.keep()) events.emit('warn', 'socket-bound', {socket});
    },
    lost(socket, events),
  );
  return () => {
    stop();
    bound.remove();
  };
}

/** Tells of each reason once, until all is well again. */
function lost(socket: string, events: Events): (error: Error | undefined) => void {
  let told: string | undefined;
  return (error) => {
    if (error && error.message !== told) events.emit('error', 'socket-lost', {socket, error: error.message});
    told = error?.message;
  };
}
