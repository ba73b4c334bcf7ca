/** An agent, whole: NIC, socket, server. `dek agent` runs one; `dek run` runs one for the life of a command. */
import {readFileSync} from 'node:fs';
import {forbidDumps, type Peer} from './ffi.js';
import {Holder} from './holder.js';
import type {Log} from './log.js';
import {buildServer} from './server.js';
import {bindSocket} from './socket.js';

export interface AgentOptions {
  /** Which NIC, as `openDevice` takes it. */
  device: string | undefined;
  /** Where to listen: an absolute path. */
  socket: string;
  /** The group id that may use the agent besides its user and root. */
  gid?: number | undefined;
  log: Log;
}

export interface Agent {
  readonly device: string;
  /** Stops listening, destroys the DEKs, logs out, closes the NIC, removes the socket. */
  close(): Promise<void>;
}

/** Starts an agent. Throws what `openDevice` and `bindSocket` throw, and leaves nothing behind then. */
export async function startAgent({device, socket, gid, log}: AgentOptions): Promise<Agent> {
  forbidDumps();
  const holder = await Holder.open(device, log);
  const server = buildServer({holder, version: packageVersion(), log, allows: (peer) => allowed(peer, gid)});
  let unbind: () => void;
  try {
    unbind = await bindSocket(socket, gid, (path) => server.listen({path}));
  } catch (error) {
    holder.close();
    throw error;
  }
  log('info', 'ready', {device: holder.deviceName, socket});
  return {
    device: holder.deviceName,
    close: async () => {
      unbind();
      await server.close();
      holder.close();
      log('info', 'closed', {device: holder.deviceName, socket});
    },
  };
}

/** The agent's own user, root, and the group that it is shared with. */
function allowed(peer: Peer, gid: number | undefined): boolean {
  return peer.uid === process.geteuid?.() || peer.uid === 0 || (gid !== undefined && peer.groups.includes(gid));
}

function packageVersion(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as {version: string}).version;
}
