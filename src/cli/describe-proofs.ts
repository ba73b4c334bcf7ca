/** How proofs read in a terminal. */
import {type Proof, REASONS, type Verdict} from '../agent/proof.js';
import {tableLines} from './table.js';

const VERDICTS: Readonly<Record<Verdict, string>> = {
  ok: 'ok',
  'wrong-key': 'wrong: another key',
  'halves-swapped': 'wrong: key1 and key2 are swapped',
  'halves-reversed': 'wrong: the bytes of each half are reversed',
  'halves-swapped-and-reversed': 'wrong: key1 and key2 are swapped, and the bytes of each reversed',
  'tweak-reversed': 'wrong: the tweak is taken in the other byte order',
  'tweak-increment': 'wrong: the NIC does not count the tweak as IEEE 1619 does',
  'not-encrypted': 'wrong: data is not encrypted',
  'not-decrypted': 'wrong: what was encrypted does not come back',
  'keytag-refused': 'wrong: the NIC refuses the keytag',
  'not-provable': 'not provable',
};

/** A line each: `vol-1  mlx5_0  wrong: key1 and key2 are swapped`. */
export function describeProofs(proofs: readonly Proof[]): string[] {
  const rows = proofs.map((proof) => [proof.name, proof.device, wordsOf(proof)]);
  return tableLines(['NAME', 'DEVICE', 'PROOF'], rows);
}

function wordsOf({verdict, reason, message}: Proof): string {
  const why = message ?? (reason && REASONS[reason]);
  return why === undefined ? VERDICTS[verdict] : `${VERDICTS[verdict]}: ${why}`;
}
