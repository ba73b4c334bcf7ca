/**
 * What is said of the DEKs that an agent holds: what their NICs said last, what proofs found, and of several NICs the
 * worst.
 */
import {OPAQUE_BYTES} from '../../dek-layout.js';
import {isProven} from '../nic/held-dek.js';
import type {Nic} from '../nic/nic.js';
import {isWrong, type ProofStatus} from '../proof.js';
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
    proof: worstProof(nics, name),
    ...(nics.length > 1 && {proofs: Object.fromEntries(nics.map((nic) => [nic.name, proofOn(nic, name)]))}),
  };
}

/** All DEKs by state. */
export function countStates(nics: readonly Nic[]): AgentStatus['deks'] {
  const {deks} = nics[0]!;
  const count = {total: deks.size, ready: 0, error: 0, unknown: 0, proven: 0, wrong: 0};
  for (const name of deks.keys()) {
    const state = worstState(nics, name);
    if (state === 'READY') count.ready++;
    else if (state === 'ERROR') count.error++;
    else count.unknown++;
    const held = nics.map((nic) => nic.deks.get(name));
    if (held.every((one) => one && isProven(one))) count.proven++;
    else if (held.some((one) => one?.proof && isWrong(one.proof))) count.wrong++;
  }
  return count;
}

/** One that is wrong on a NIC, else one that shows nothing, else none where there is none. */
function worstProof(nics: readonly Nic[], name: string): ProofStatus | null {
  const proofs = nics.map((nic) => proofOn(nic, name));
  const worst =
    proofs.find((proof) => proof && isWrong(proof)) ?? proofs.find((proof) => proof?.verdict === 'not-provable');
  return worst ?? (proofs.includes(null) ? null : proofs[0]!);
}

function proofOn(nic: Nic, name: string): ProofStatus | null {
  return nic.deks.get(name)?.proof ?? null;
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
