/** How a DEK and a login read in a terminal. */
import type {ProofStatus} from '../../agent/proof.js';
import type {DekStatus, LoginStatus} from '../../agent/protocol.js';
import {formatOpaque} from './opaque.js';
import type {Screen} from './screen.js';
import {tableLines} from './table.js';

/** A line each: `vol-1  READY  256-bit  yes  wrapped  "vol-1"`, and what proofs found where there was one. */
export function describeDeks(deks: readonly DekStatus[], on?: Screen): string[] {
  const anyProof = deks.some(({proof}) => proof !== null);
  const rows = deks.map((dek) => [
    dek.name,
    dek.state,
    `${dek.keySize}-bit`,
    dek.keytag ? 'yes' : 'no',
    dek.import,
    ...(anyProof ? [describeProof(dek.proof)] : []),
    formatOpaque(dek.opaque),
  ]);
  const heading = ['NAME', 'STATE', 'KEY', 'KEYTAG', 'IMPORT', ...(anyProof ? ['PROOF'] : []), 'OPAQUE'];
  return tableLines(heading, rows, {on, least: ['IMPORT', 'KEYTAG', 'KEY', 'OPAQUE']});
}

/** `PROVEN`, `wrong-key`, or `no` where no proof was made. */
function describeProof(proof: ProofStatus | null): string {
  if (proof === null) return 'no';
  return proof.verdict === 'ok' ? 'PROVEN' : proof.verdict;
}

/** The id of a KEK or a credential, as NVIDIA's tools write it: `0x10`. */
export function describeId(id: number): string {
  return `0x${id.toString(16)}`;
}

/** `VALID (credential 0x10, import KEK 0x20)`. */
export function describeLogin(login: LoginStatus): string {
  return `${login.state} (credential ${describeId(login.credentialId)}, import KEK ${describeId(login.importKekId)})`;
}
