/**
 * `apply`: makes the agent hold exactly the DEKs of a manifest. Everything new is made beside what is there; only then
 * the new takes the place of the old, so that a refusal leaves the set, and the login, as they were.
 *
 * A DEK is READY when it is created, says mlx5dv_dek_create(3), and firmware does one command after the other: a query
 * behind each create nearly doubles the time of a start. So it is asked for only when the caller wants it; the health
 * check asks for all DEKs soon after a start anyway. Proofs show more than a query, and come last.
 */

import type {AuditedDek} from '../../audit/entry.js';
import {DekError, withMessage} from '../../errors.js';
import type {Dek} from '../../rdma/index.js';
import type {Events} from '../events.js';
import {type HeldDek, heldDek} from '../nic/held-dek.js';
import type {Nic} from '../nic/nic.js';
import type {Proof} from '../proof.js';
import {proofError} from '../proof-words.js';
import type {ApplyFailure, ApplyPlan, ApplyResult} from '../protocol.js';
import type {DekBatch} from './dek-batch.js';
import type {DekSet} from './dek-set.js';
import {makeBatch} from './make-batch.js';
import type {ManifestFile} from './manifest-file.js';
import {
  type ApplyOptions,
  assertCanBeMade,
  assertGoesOn,
  assertMeant,
  failureOf,
  failuresOf,
  Marking,
  makePlan,
} from './plan.js';
import {type AppliedProofs, proveApplied, type Staged} from './prove-applied.js';
import {replaceInSlices} from './replace-in-slices.js';

/** Batches of DEKs at a time: one is read and prepared while the NIC makes another. */
const BATCHES = 2;

/** An apply that makes nothing. */
const NOTHING = {create: 0, replace: 0, rewrapped: 0, destroy: 0, unchanged: 0} as const;

/** Applies `manifest`. Throws what stands in the way of the whole, or a refusal unless `keepGoing`. */
export async function applyManifest(
  dekSet: DekSet,
  manifest: ManifestFile,
  options: ApplyOptions,
): Promise<ApplyResult> {
  assertMeant(dekSet, manifest);
  const namedBy = dekSet.nextApply();
  const marking = new Marking(dekSet.nics, namedBy);
  // The plan must not take a DEK for whole that has just turned to ERROR.
  await dekSet.refresh();
  let {plan, untold} = await makePlan(dekSet, manifest, options);
  const {path} = manifest;
  const digest = manifest.digest!;
  if (options.dryRun) return {path, digest, plan, untold, failed: [], proven: 0};
  let isRoomForBoth = assertCanBeMade(dekSet, manifest, plan);

  const staged: Staged = new Map(dekSet.nics.map((nic) => [nic, new Map()]));
  // What should be there: a NIC that was just opened anew has no login yet.
  const before = dekSet.nics.map((nic) => nic.login.last);
  let failed: ApplyFailure[];
  let proofs: AppliedProofs = {proven: 0, bad: []};
  try {
    await logIn(dekSet, manifest);
    if (dekSet.count().unknown > 0) {
      // Before its login the NIC would not tell whether they are whole.
      await dekSet.refresh();
      ({plan, untold} = await makePlan(dekSet, manifest, options));
      isRoomForBoth = assertCanBeMade(dekSet, manifest, plan);
    }
    if (options.makesNone) {
      await options.accepted?.();
      return {path, digest, plan: NOTHING, untold, failed: [], proven: 0};
    }
    failed = isRoomForBoth ? await stage(staged, manifest, plan, marking, options) : [];
    marking.takeOver(); // before they are proven, which takes what is told of them
    if (isRoomForBoth) proofs = await proveApplied(dekSet, staged, namedBy, options);
    if (proofs.bad.length > 0 && !options.keepGoing) throw wrongDeks(dekSet, proofs.bad);
    await withdraw(staged, new Set(proofs.bad.map(({name}) => name)));
    failed.push(...(await failuresOf(manifest, proofs.bad)));
    assertGoesOn(options.signal);
    await options.accepted?.();
  } catch (error) {
    for (const [nic, made] of staged) await nic.dismiss(deksOf(made.values()));
    for (const [i, nic] of dekSet.nics.entries()) await nic.login.restore(before[i]);
    throw error;
  }
  if (isRoomForBoth) await commit(dekSet, staged, namedBy, options);
  else ({failed, proofs} = await replaceInSlices(dekSet, manifest, plan, marking, options));
  return {path, digest, plan, untold, failed: failed.sort((a, b) => a.line - b.line), proven: proofs.proven};
}

/** Logs in as the manifest says where there is no such login. */
async function logIn(dekSet: DekSet, {header: {login}}: ManifestFile): Promise<void> {
  if (!login) return;
  for (const nic of dekSet.nics) {
    if (nic.importMode !== 'plaintext' && !(await nic.login.isBy(login))) await nic.login.open(login);
  }
}

/**
 * Makes what is new or changed, on every NIC or on none. Resolves to what could not be made, if the options allow that;
 * else throws the first refusal of those that came, when no command is under way any more and all that was made is in
 * `staged`.
 */
async function stage(
  staged: Staged,
  manifest: ManifestFile,
  plan: ApplyPlan,
  {isNeeded, namedBy}: Marking,
  {keepGoing, query, kek, signal, progress}: ApplyOptions,
): Promise<ApplyFailure[]> {
  const nics = [...staged.keys()];
  const failed: ApplyFailure[] = [];
  const fatal: {line: number; error: DekError}[] = [];

  const make = async (batch: DekBatch): Promise<void> => {
    const refused = new Set<string>();
    const makeOn = async (nic: Nic, made: Map<string, HeldDek>): Promise<void> => {
      const results = await makeBatch(nic, batch, kek, query);
      for (let i = 0; i < results.length; i++) {
        const [name, line, dek] = [batch.names[i]!, batch.lines[i]!, results[i]!];
        if (!(dek instanceof DekError)) made.set(name, heldDek(batch, i, {dek, namedBy}));
        else if (!keepGoing || dek.code === 'DEVICE_GONE') fatal.push({line, error: refusal(line, name, nic, dek)});
        else {
          failed.push(failureOf(line, name, nic, dek));
          refused.add(name);
        }
      }
    };
    await Promise.all([...staged].map(([nic, made]) => makeOn(nic, made)));
    if (refused.size > 0) await withdraw(staged, refused);
  };

  let done = 0;
  const isEmpty = nics.every(({deks}) => deks.size === 0);
  const batches = manifest.batches(isEmpty ? undefined : isNeeded);
  const work = async (): Promise<void> => {
    for await (const batch of batches) {
      assertGoesOn(signal);
      await make(batch);
      if (fatal.length > 0) return;
      done += batch.names.length;
      progress(done, plan.create + plan.replace, 'create');
    }
  };
  const ends = await Promise.allSettled(Array.from({length: BATCHES}, work));
  if (fatal.length > 0) throw fatal.reduce((first, next) => (next.line < first.line ? next : first)).error;
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return failed;
}

/** A DEK that one NIC refused is on no other either. */
async function withdraw(staged: Staged, names: ReadonlySet<string>): Promise<void> {
  for (const [nic, made] of staged) {
    const held = [...names].flatMap((name) => made.get(name) ?? []);
    for (const name of names) made.delete(name);
    await nic.dismiss(deksOf(held));
  }
}

/** Puts what was made in its place and destroys what it replaces and what is gone from the manifest. */
async function commit({events}: DekSet, staged: Staged, namedBy: number, {signal, facts}: ApplyOptions): Promise<void> {
  for (const [nic, made] of staged) auditMade(events, nic, made, signal, facts);
  const old = new Map<Nic, HeldDek[]>();
  for (const [nic, made] of staged) {
    const left: HeldDek[] = [];
    old.set(nic, left);
    for (const [name, held] of nic.deks) {
      if (held.namedBy === namedBy && !made.has(name)) continue;
      left.push(held);
      if (held.namedBy !== namedBy) nic.deks.delete(name);
    }
    if (nic.deks.size === 0) nic.deks = made;
    else for (const [name, held] of made) nic.deks.set(name, held);
  }
  // From here on the new set is the set: what the NIC will not let go of yet is tried again by the health check.
  for (const [nic, left] of old) await nic.dismiss(deksOf(left));
}

/** Before they are in their place: what is there already is replaced. */
function auditMade(
  events: Events,
  nic: Nic,
  made: ReadonlyMap<string, HeldDek>,
  by: AbortSignal,
  manifest: ApplyOptions['facts'],
): void {
  for (const kind of ['create', 'replace'] as const) {
    events.audit(() => {
      const deks = [...made].flatMap(([name, {dcv}]): AuditedDek[] =>
        nic.deks.has(name) === (kind === 'replace') ? [{name, dcv}] : [],
      );
      return {kind, device: nic.name, by, manifest, results: new Map([['ok', deks]])};
    });
  }
}

function deksOf(held: Iterable<HeldDek>): Dek[] {
  const deks: Dek[] = [];
  for (const {dek} of held) if (dek) deks.push(dek);
  return deks;
}

function wrongDeks({deviceNames}: DekSet, bad: readonly Proof[]): DekError {
  return proofError(bad, `nothing was changed on ${deviceNames}`);
}

function refusal(line: number, name: string, nic: Nic, error: DekError): DekError {
  return withMessage(error, `line ${line}: ${name}: ${error.message}; nothing was changed on ${nic.name}`);
}
