/** How an agent reads in a terminal: whether all is READY, and if not why, then its parts. */
import {type AgentStatus, type ContextStatus, type NicStatus, whyNotReady} from '../../agent/protocol.js';
import {describeShare} from '../flags/prove-flags.js';
import {describeLogin} from './describe.js';
import {countDeks} from './phrases.js';
import type {Screen} from './screen.js';
import {factLines} from './table.js';

/** The facts of `dek status`. */
export function describeAgent(socket: string, status: AgentStatus, on?: Screen): string[] {
  const {starting, devices, deks, manifest, proveShare, heals, pid, version} = status;
  const states = [
    `${deks.ready} READY`,
    deks.error ? `${deks.error} ERROR` : '',
    deks.unknown ? `${deks.unknown} UNKNOWN` : '',
    deks.proven ? `${deks.proven} PROVEN` : '',
    deks.wrong ? `${deks.wrong} wrong` : '',
  ];
  const why = whyNotReady(status);
  return factLines(
    [
      ['state', why.length === 0 ? 'READY' : `NOT READY: ${why.join('; ')}`],
      ['agent', `dek ${version}, process ${pid}, ${socket}${starting ? ', still starting' : ''}`],
      ...devices.map((device) => ['device', describeNic(device)] as const),
      [
        'DEKs',
        deks.total === 0
          ? status.lends
            ? 'none: no service lends a context'
            : 'none'
          : `${deks.total}: ${states.filter(Boolean).join(', ')}`,
      ],
      [
        'manifest',
        manifest ? `${manifest.path}, applied ${manifest.appliedAt}${describeFailed(manifest.failed)}` : 'none',
      ],
      ...(status.signedOnly ? [['signed by', describeSigners(manifest)] as const] : []),
      ...(proveShare === null ? [] : [['proofs', describeShare(proveShare)] as const]),
      ['heals', `${heals}`],
      ...status.contexts
        .filter(({pid}) => pid !== null)
        .map((context) => ['context', describeContext(context)] as const),
    ],
    on,
  );
}

/** `mlx5_0, lent by process 4711: 10 DEKs, all READY`. */
function describeContext({device, kind, pid, gone, deks, old, login}: ContextStatus): string {
  const whose = kind === 'lent' ? `lent by process ${pid}` : `process ${pid} has attached`;
  if (gone) return `${device}, ${whose}, gone: it does not answer`;
  const ready = deks.ready === deks.total ? 'all READY' : `${deks.ready} READY`;
  const state = login && login.state !== 'VALID' ? `, login ${login.state}` : '';
  const kept = old > 0 ? `, and ${countDeks(old)} that were replaced and not released` : '';
  return `${device}, ${whose}: ${countDeks(deks.total)}, ${ready}${state}${kept}`;
}

/** `alice, bob: generation 3` */
function describeSigners(manifest: AgentStatus['manifest']): string {
  if (!manifest) return 'nothing unsigned is applied';
  return `${manifest.signers.map(({principal}) => principal).join(', ')}: generation ${manifest.generation}`;
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
