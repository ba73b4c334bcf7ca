/** How proofs read in a terminal. */
import type {Proof} from '../../agent/proof.js';
import {wordsOf} from '../../agent/proof-words.js';
import type {Screen} from './screen.js';
import {tableLines} from './table.js';

/** A line each: `vol-1  mlx5_0  wrong: key1 and key2 are swapped`. */
export function describeProofs(proofs: readonly Proof[], on?: Screen): string[] {
  const rows = proofs.map((proof) => [proof.name, proof.device, wordsOf(proof)]);
  return tableLines(['NAME', 'DEVICE', 'PROOF'], rows, {on});
}
