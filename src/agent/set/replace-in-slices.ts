/**
 * An apply on a NIC that has no room for the old DEKs and the new ones at once. One DEK is made first, so that a
 * manifest which the NIC refuses altogether costs no more than one. Then what the manifest does not name goes, and a
 * slice after the other is destroyed and made anew. It cannot be taken back: what the NIC refuses is missing then, and
 * is listed, as with `keepGoing`; and so is what a proof shows to be wrong, or nothing of.
 */

import {DekError, type DekErrorCode} from '../../errors.js';
import type {Dek} from '../../rdma/index.js';
import {type HeldDek, heldDek} from '../nic/held-dek.js';
import type {Nic} from '../nic/nic.js';
import type {ApplyFailure, ApplyPlan} from '../protocol.js';
import {type DekBatch, pick} from './dek-batch.js';
import type {DekSet} from './dek-set.js';
import {makeBatch} from './make-batch.js';
import type {ManifestFile} from './manifest-file.js';
import {type ApplyOptions, failureOf, failuresOf, type Marking} from './plan.js';
import {type AppliedProofs, proveApplied} from './prove-applied.js';

/** DEKs that are missing at a time. */
const SLICE = 256;

export async function replaceInSlices(
  dekSet: DekSet,
  manifest: ManifestFile,
  plan: ApplyPlan,
  marking: Marking,
  options: ApplyOptions,
): Promise<{failed: ApplyFailure[]; proofs: AppliedProofs}> {
  const {nics} = dekSet;
  const {isNeeded, namedBy} = marking;
  // Marks all that the manifest names, before anything goes.
  for await (const _ of manifest.batches((batch, i) => isNeeded(batch, i) && false));
  const destroyOthers = async (): Promise<void> => {
    for (const nic of nics) await destroyWhere(nic, (held) => held.namedBy !== namedBy);
  };

  const failed: ApplyFailure[] = [];
  const made = new Set<string>();
  let done = 0;
  for await (const batch of manifest.batches(isNeeded)) {
    for (let from = 0; from < batch.names.length; ) {
      const isFirst = done === 0;
      const positions = [...batch.names.keys()].slice(from, from + (isFirst ? 1 : SLICE));
      if (isFirst) for (const nic of nics) await makeRoom(nic, batch.names[from]!, namedBy);
      const slice = pick(batch, positions);
      failed.push(...(await remake(dekSet, slice, namedBy, options)));
      for (const name of slice.names) made.add(name);
      if (isFirst && failed.length > 0 && !options.keepGoing) throw firstRefused(failed[0]!);
      if (isFirst) await destroyOthers();
      from += positions.length;
      done += positions.length;
      options.progress(done, plan.create + plan.replace, 'create');
    }
  }
  if (done === 0) await destroyOthers();
  marking.takeOver();
  const nothing = new Map(nics.map((nic) => [nic, new Map<string, HeldDek>()]));
  const proofs = await proveApplied(dekSet, nothing, namedBy, options);
  const wrong = new Set(proofs.bad.map(({name}) => name).filter((name) => made.has(name)));
  for (const nic of nics) await destroyWhere(nic, () => true, wrong);
  failed.push(...(await failuresOf(manifest, proofs.bad)));
  return {failed, proofs};
}

/** Destroys one DEK that the manifest does not name, unless there is one of this name, whose room it can have. */
async function makeRoom(nic: Nic, name: string, namedBy: number): Promise<void> {
  if (nic.deks.get(name)?.dek) return;
  const [old] = [...nic.deks].find(([, {dek, namedBy: by}]) => dek && by !== namedBy) ?? [];
  if (old !== undefined) await destroyWhere(nic, () => true, [old]);
}

function firstRefused({line, name, code, message, errno}: ApplyFailure): DekError {
  return new DekError(code as DekErrorCode, `line ${line}: ${name}: ${message}; no more than one DEK was destroyed`, {
    hint: 'the NIC has no room for old and new at once, so one was replaced first: mend the manifest, apply it again',
    errno,
  });
}

/**
 * Destroys the DEKs of a batch on every NIC and makes them as the batch has them; one that a NIC refuses is on none.
 */
async function remake(
  {nics, events}: DekSet,
  batch: DekBatch,
  namedBy: number,
  {kek, query, signal, facts}: ApplyOptions,
): Promise<ApplyFailure[]> {
  const names = new Set(batch.names);
  const failed = new Map<string, ApplyFailure>();
  for (const nic of nics) {
    await destroyWhere(nic, (_, name) => names.has(name), names);
    for (const [i, dek] of (await makeBatch(nic, batch, kek, query)).entries()) {
      const [name, line] = [batch.names[i]!, batch.lines[i]!];
      if (dek instanceof DekError) failed.set(name, failureOf(line, name, nic, dek));
      else nic.deks.set(name, heldDek(batch, i, {dek, namedBy}));
    }
  }
  const refused = new Set(failed.keys());
  if (refused.size > 0) for (const nic of nics) await destroyWhere(nic, (_, name) => refused.has(name), refused);
  for (const {name: device} of nics) {
    events.audit(() => {
      const deks = batch.names.flatMap((name, i) => (refused.has(name) ? [] : {name, dcv: batch.dcvs[i] ?? null}));
      return {kind: 'replace', device, by: signal, manifest: facts, results: new Map([['ok', deks]])};
    });
  }
  return [...failed.values()];
}

async function destroyWhere(
  nic: Nic,
  is: (held: HeldDek, name: string) => boolean,
  names: Iterable<string> = [...nic.deks.keys()],
): Promise<void> {
  const deks: Dek[] = [];
  for (const name of names) {
    const held = nic.deks.get(name);
    if (!held || !is(held, name)) continue;
    if (held.dek) deks.push(held.dek);
    nic.deks.delete(name);
  }
  await nic.dismiss(deks);
}
