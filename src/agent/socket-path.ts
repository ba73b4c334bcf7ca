/** Where the agent's socket lies: apart from socket.ts, so that a client loads no Koffi. */
import {isAbsolute, join, resolve} from 'node:path';
import {DekError} from '../errors.js';

const VARIABLE = 'DEK_AGENT_SOCKET';

/**
 * `socket` if given, else $DEK_AGENT_SOCKET, $XDG_RUNTIME_DIR/dek/agent.sock, /run/dek/agent.sock. Throws BAD_ARGUMENT
 * when what is given is empty: it would be the socket of another agent.
 */
export function socketPath(socket?: string): string {
  const given = socket ?? process.env[VARIABLE];
  if (given === undefined) return join(runtimeDirectory(), 'dek', 'agent.sock');
  if (given !== '') return resolve(given);
  const what = socket === undefined ? `$${VARIABLE}` : "the path of the agent's socket";
  throw new DekError('BAD_ARGUMENT', `${what} is empty`, {
    hint: `for the agent at the usual place leave it out: unset ${VARIABLE}`,
  });
}

/** As the XDG Base Directory Specification has it, what is no absolute path counts for nothing. */
function runtimeDirectory(): string {
  const directory = process.env['XDG_RUNTIME_DIR'];
  return directory !== undefined && isAbsolute(directory) ? directory : '/run';
}
