/** How a DEK, a login and an agent read in a terminal. */
import type {AgentStatus, DekStatus, LoginStatus, NicStatus} from '../agent/protocol.js';
import {formatOpaque} from './opaque.js';
import {countDeks} from './phrases.js';
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
export function describeAgent(socket: string, status: AgentStatus): string[] {
  const {starting, devices, deks, manifest, heals, pid, version} = status;
  const states = [
    `${deks.ready} READY`,
    deks.error ? `${deks.error} ERROR` : '',
    deks.unknown ? `${deks.unknown} UNKNOWN` : '',
  ];
  return factLines([
    ['agent', `dek ${version}, process ${pid}, ${socket}${starting ? ', still starting' : ''}`],
    ...devices.map((device) => ['device', describeNic(device)] as const),
    ['DEKs', deks.total === 0 ? 'none' : `${deks.total}: ${states.filter(Boolean).join(', ')}`],
    [
      'manifest',
      manifest ? `${manifest.path}, applied ${manifest.appliedAt}${describeFailed(manifest.failed)}` : 'none',
    ],
    ['heals', `${heals}`],
  ]);
}

function describeFailed(failed: number): string {
  return failed === 0 ? '' : `, without ${countDeks(failed)} that could not be made`;
}

function describeNic({name, importMode, gone, login, maxDeks}: NicStatus): string {
  if (gone) return `${name}, gone: it does not answer`;
  const room = maxDeks > 0 ? `, room for ${countDeks(maxDeks)}` : '';
  if (importMode === 'plaintext') return `${name}, plaintext import${room}`;
  return `${name}, ${importMode} import${room}, login ${login ? describeLogin(login) : 'none'}`;
}
