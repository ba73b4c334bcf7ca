/** Proves DEKs that the agent holds, on each NIC: a question, which changes nothing and keeps no change waiting. */
import type {Nic} from '../nic/nic.js';
import {type Proof, proofExitStatus} from '../proof.js';
import {assertWanted} from '../wanted.js';
import type {DekSet} from './dek-set.js';

/** DEKs that are proven at a time. */
const BATCH = 256;

/** Calls `tell` with the proofs of each batch, NIC by NIC. Rejects with IO once nobody waits any more (`signal`). */
export async function proveDeks(
  dekSet: DekSet,
  names: readonly string[],
  signal: AbortSignal,
  tell: (proofs: readonly Proof[]) => void,
): Promise<void> {
  for (const nic of dekSet.nics) {
    const count = {deks: 0, ok: 0, wrong: 0, notProvable: 0};
    const proving = await nic.openProving();
    try {
      for (let i = 0; i < names.length; i += BATCH) {
        assertWanted(signal);
        const some = names.slice(i, i + BATCH).filter((name) => nic.deks.has(name));
        const findings = await proving.prove(some.map((name) => nic.deks.get(name)!));
        const proofs = findings.map((finding, k): Proof => ({name: some[k]!, device: nic.name, ...finding}));
        for (const proof of proofs) countOne(count, proof);
        tell(proofs);
      }
    } finally {
      proving.close();
    }
    tellAll(dekSet, nic, count);
  }
}

function countOne(count: {deks: number; ok: number; wrong: number; notProvable: number}, proof: Proof): void {
  count.deks++;
  const status = proofExitStatus([proof]);
  if (status === 0) count.ok++;
  else if (status === 6) count.wrong++;
  else count.notProvable++;
}

function tellAll({events}: DekSet, {name}: Nic, count: Parameters<typeof countOne>[0]): void {
  events.emit(count.wrong > 0 ? 'error' : 'info', 'prove', {device: name, ...count});
}
