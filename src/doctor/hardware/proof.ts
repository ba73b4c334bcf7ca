/** Known data through a DEK of an experiment. */
import {Proving} from '../../agent/nic/proving.js';
import type {Finding} from '../../agent/proof.js';
import type {Dek, Device} from '../../rdma/index.js';
import type {Subject} from './subject.js';

/** What a proof finds; `keytagValue`: the one that the memory key is to have. */
export async function proofOf(
  nic: Device,
  {dcv, dcvHints}: Subject,
  dek: Dek,
  keytagValue: Uint8Array | null,
): Promise<Finding> {
  const proving = await Proving.open(nic);
  try {
    return (await proving.prove([{dek, dcv, dcvHints, keytagValue}]))[0]!;
  } finally {
    await proving.close();
  }
}
