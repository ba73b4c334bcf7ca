/** What is said of the DEKs that an agent holds: what their NICs said last, and of several NICs the worst. */
import {OPAQUE_BYTES} from '../../dek-layout.js';
import type {Nic} from '../nic/nic.js';
import type {AgentStatus, DekStatus, KnownDekState} from '../protocol.js';

/** The DEK `name`, which the first of `nics` holds. */
export function dekStatus(nics: readonly Nic[], name: string): DekStatus {
  const {deks, importMode} = nics[0]!;
  const {layout, opaque} = deks.get(name)!;
  return {
    name,
    state: worstState(nics, name),
    keySize: layout.keySize,
    keytag: layout.keytag,
    import: importMode === 'plaintext' ? 'plaintext' : 'wrapped',
    opaque: opaque.padEnd(2 * OPAQUE_BYTES, '0'),
    ...(nics.length > 1 && {devices: Object.fromEntries(nics.map((nic) => [nic.name, stateOn(nic, name)]))}),
  };
}

/** All DEKs by state. */
export function countStates(nics: readonly Nic[]): AgentStatus['deks'] {
  const {deks} = nics[0]!;
  const count = {total: deks.size, ready: 0, error: 0, unknown: 0};
  for (const name of deks.keys()) {
    const state = worstState(nics, name);
    if (state === 'READY') count.ready++;
    else if (state === 'ERROR') count.error++;
    else count.unknown++;
  }
  return count;
}

function worstState(nics: readonly Nic[], name: string): KnownDekState {
  let worst: KnownDekState = 'READY';
  for (const nic of nics) {
    const state = stateOn(nic, name);
    if (state === 'ERROR') return state;
    if (state === 'UNKNOWN') worst = state;
  }
  return worst;
}

function stateOn(nic: Nic, name: string): KnownDekState {
  return nic.deks.get(name)?.state ?? 'UNKNOWN';
}
