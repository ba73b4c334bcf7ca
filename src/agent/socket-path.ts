/** Where the agent's socket lies: apart from socket.ts, so that a client loads no Koffi. */
import {join, resolve} from 'node:path';

/** `socket` if given, else $DEK_AGENT_SOCKET, $XDG_RUNTIME_DIR/dek/agent.sock, /run/dek/agent.sock. */
export function socketPath(socket?: string): string {
  const runtime = process.env['XDG_RUNTIME_DIR'];
  const inRuntime = runtime ? join(runtime, 'dek', 'agent.sock') : '/run/dek/agent.sock';
  return resolve(socket || process.env['DEK_AGENT_SOCKET'] || inRuntime);
}
