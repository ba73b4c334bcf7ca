/** How a DEK, a login and an agent read in a terminal. */
import type {AgentStatus, DekStatus, LoginStatus} from '../agent/protocol.js';
import {formatOpaque} from './opaque.js';
import {factLines, tableLines} from './table.js';

/** One line: `vol-1  READY  256-bit  keytag  "vol-1"`. */
export function describeDeks(deks: readonly DekStatus[]): string[] {
  const rows = deks.map((dek) => [
    dek.name,
    dek.state,
    `${dek.keySize}-bit`,
    dek.keytag ? 'yes' : 'no',
    dek.import,
    formatOpaque(dek.opaque),
  ]);
  return tableLines(['NAME', 'STATE', 'KEY', 'KEYTAG', 'IMPORT', 'OPAQUE'], rows);
}

/** The id of a KEK or a credential, as NVIDIA's tools write it: `0x10`. */
export function describeId(id: number): string {
  return `0x${id.toString(16)}`;
}

/** `VALID (credential 0x10, import KEK 0x20)`. */
export function describeLogin(login: LoginStatus): string {
  return `${login.state} (credential ${describeId(login.credentialId)}, import KEK ${describeId(login.importKekId)})`;
}

/** The facts of `dek status`. */
export function describeAgent(socket: string, {device, login, deks, maxDeks, pid, version}: AgentStatus): string[] {
  return factLines([
    ['agent', `dek ${version}, process ${pid}, ${socket}`],
    [
      'device',
      `${device.name}, ${device.importMode} import${device.gone ? ', gone: it answers nothing any more' : ''}`,
    ],
    ['login', login ? describeLogin(login) : 'none'],
    ['DEKs', maxDeks > 0 ? `${deks} in this agent; the NIC holds at most ${maxDeks}` : `${deks} in this agent`],
  ]);
}
