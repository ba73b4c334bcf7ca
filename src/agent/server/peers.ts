/** Who is at the other end of each connection of the agent's server. */
import type {Socket} from 'node:net';
import {type Peer, peerOf} from '../host/ffi.js';

const peers = new WeakMap<object, Peer>();

/** The peer of a connection, or undefined when it is gone already. Node keeps the descriptor in `_handle.fd`. */
export function peerOfSocket(socket: Socket & {_handle?: {fd?: number} | null}): Peer | undefined {
  const known = peers.get(socket);
  if (known) return known;
  const fd = socket._handle?.fd;
  if (fd === undefined || fd < 0) return undefined;
  const peer = peerOf(fd);
  peers.set(socket, peer);
  return peer;
}

/** Whether a request came over this connection before. */
export function isKnown(socket: object): boolean {
  return peers.has(socket);
}

/** Whether a peer may use the agent: its own user, root, and the group that it is shared with. */
export function isAllowed({uid, groups}: Peer, gid: number | undefined): boolean {
  return uid === process.geteuid?.() || uid === 0 || (gid !== undefined && groups.includes(gid));
}
