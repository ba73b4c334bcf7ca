/** Where the agent's socket lies: apart from socket.ts, so that a client loads no Koffi. */
import {isAbsolute, join, resolve} from 'node:path';
import {DekError} from '../errors.js';

/** The kernel's limit: sockaddr_un.sun_path is 108 bytes with its NUL, unix(7). */
const MAX_PATH_BYTES = 107;

const VARIABLE = 'DEK_AGENT_SOCKET';

/**
 * `socket` if given, else $DEK_AGENT_SOCKET, $XDG_RUNTIME_DIR/dek/agent.sock, /run/dek/agent.sock. Throws BAD_ARGUMENT
 * when what is given is empty, which would be the socket of another agent, and for a path that no socket can have.
 */
export function socketPath(socket?: string): string {
  const given = socket ?? process.env[VARIABLE];
  if (given === undefined) return join(runtimeDirectory(), 'dek', 'agent.sock');
  if (given !== '') {
    const path = resolve(given);
    assertShortEnough(path);
    return path;
  }
  const what = socket === undefined ? `$${VARIABLE}` : "the path of the agent's socket";
  throw new DekError('BAD_ARGUMENT', `${what} is empty`, {
    hint: `for the agent at the usual place leave it out: unset ${VARIABLE}`,
  });
}

/** Throws BAD_ARGUMENT when a socket cannot have this path, with something appended to it. */
export function assertShortEnough(path: string, appended = ''): void {
  if (Buffer.byteLength(path + appended) <= MAX_PATH_BYTES) return;
  throw new DekError('BAD_ARGUMENT', `the socket path ${path} is too long: the kernel takes ${MAX_PATH_BYTES} bytes`, {
    hint: 'name a shorter one with --socket; for dek run set TMPDIR',
  });
}

/** As the XDG Base Directory Specification has it, what is no absolute path counts for nothing. */
function runtimeDirectory(): string {
  const directory = process.env['XDG_RUNTIME_DIR'];
  return directory !== undefined && isAbsolute(directory) ? directory : '/run';
}
