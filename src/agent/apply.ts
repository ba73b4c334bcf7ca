/**
 * `apply`: makes the agent hold exactly the DEKs of a manifest. Everything new is made and found READY beside what is
 * there; only then the new takes the place of the old, so that a refusal leaves the set, and the login, as they were.
 */
import {toHex, wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import type {ManifestEntry} from '../manifest/index.js';
import type {CreateDekOptions, Dek} from '../rdma/index.js';
import {splitDek, unwrapKey} from '../wrap/index.js';
import {layoutOf} from '../wrap/layout.js';
import {fingerprint} from './fingerprint.js';
import type {Holder} from './holder.js';
import type {ManifestFile} from './manifest-file.js';
import type {HeldDek, Nic} from './nic.js';
import type {ApplyFailure, ApplyPlan, ApplyResult} from './protocol.js';

/** DEKs that are made between two looks at the signal. */
const BATCH = 1024;

export interface ApplyOptions {
  /** Only tell the plan. */
  dryRun: boolean;
  /** Keep what worked, list what did not. */
  keepGoing: boolean;
  /** Unwraps each DEK right before its create, for NICs in plaintext import mode. The caller wipes it. */
  kek: Uint8Array | undefined;
  /** Ends the work and puts everything back when it fires. */
  signal: AbortSignal;
  progress: (done: number, total: number) => void;
}

/** A DEK that is made and not yet part of the set. */
interface Staged {
  readonly nic: Nic;
  readonly name: string;
  readonly held: HeldDek;
}

/** Applies `manifest`. Throws what stands in the way of the whole, or the first refusal unless `keepGoing`. */
export async function applyManifest(
  holder: Holder,
  manifest: ManifestFile,
  options: ApplyOptions,
): Promise<ApplyResult> {
  assertMeant(holder, manifest);
  for (const nic of holder.nics) if (nic.gone) await nic.reopen();
  const round = holder.nextRound();
  // The plan must not take a DEK for whole that has just turned to ERROR.
  await holder.refresh();
  let plan = await makePlan(holder, manifest, round, options.signal);
  const {path} = manifest;
  const digest = manifest.digest!;
  if (options.dryRun) return {path, digest, plan, failed: []};
  assertCanBeMade(holder, manifest, plan);

  const staged: Staged[] = [];
  // What should be there: a NIC that was just opened anew has no login yet.
  const before = holder.nics.map((nic) => nic.lastLogin);
  try {
    await logIn(holder, manifest);
    if (holder.count().unknown > 0) {
      // Before its login the NIC would not tell whether they are whole.
      await holder.refresh();
      plan = await makePlan(holder, manifest, round, options.signal);
      assertCanBeMade(holder, manifest, plan);
    }
    const failed = await stage(holder, manifest, plan, options, staged);
    assertGoesOn(options.signal);
    await commit(holder, staged, round);
    return {path, digest, plan, failed};
  } catch (error) {
    for (const nic of holder.nics) await nic.dismiss(staged.flatMap((one) => (one.nic === nic ? one.held.dek! : [])));
    for (const [i, nic] of holder.nics.entries()) await nic.restoreLogin(before[i]);
    throw error;
  }
}

/** Throws unless every NIC takes keys in the form that they will have: with a KEK plaintext, without it wrapped. */
export function assertImportMode(holder: Holder, hasKek: boolean): void {
  for (const {name, importMode} of holder.nics) {
    if (importMode === 'plaintext' && !hasKek) {
      throw new DekError('BAD_ARGUMENT', `${name} takes plaintext DEKs: the import KEK is needed to unwrap them`, {
        hint: 'dek apply MANIFEST --kek SOURCE',
      });
    }
    if (importMode !== 'plaintext' && hasKek) {
      throw new DekError('BAD_ARGUMENT', `${name} unwraps DEKs itself: --kek is needless there`, {
        hint: 'leave it out: a host that does not need the import KEK should not have it',
      });
    }
  }
}

/** The NICs that the manifest names must be those of this agent. */
function assertMeant(holder: Holder, {header, path}: ManifestFile): void {
  const {devices} = header;
  if (devices.length === 0) return;
  const strangers = devices.filter((name) => !holder.nics.some((nic) => nic.isCalled(name)));
  const left = holder.nics.filter((nic) => !devices.some((name) => nic.isCalled(name)));
  if (strangers.length === 0 && left.length === 0) return;
  throw new DekError('BAD_ARGUMENT', `${path} is for ${devices.join(', ')}, this agent holds ${holder.deviceNames}`, {
    hint: 'start an agent for the devices of the manifest: dek agent --device NAME,NAME',
  });
}

function assertGoesOn(signal: AbortSignal): void {
  if (signal.aborted) throw new DekError('IO', 'the apply was interrupted; nothing was changed');
}

/** Reads the whole manifest and compares it with what is held, without a change. Throws BAD_INPUT. */
async function makePlan(
  holder: Holder,
  manifest: ManifestFile,
  round: number,
  signal: AbortSignal,
): Promise<ApplyPlan> {
  const plan = {create: 0, replace: 0, destroy: 0, unchanged: 0};
  for await (const entries of batches(manifest.entries())) {
    assertGoesOn(signal);
    for (const entry of entries) {
      const held = holder.nics.map((nic) => nic.deks.get(entry.name));
      for (const one of held) if (one) one.round = round;
      if (held.every((one) => one && isUnchanged(one, entry))) plan.unchanged++;
      else if (held.some((one) => !one?.dek)) plan.create++;
      else plan.replace++;
    }
  }
  for (const {round: seen} of holder.nics[0]!.deks.values()) if (seen !== round) plan.destroy++;
  return plan;
}

function isUnchanged({dek, state, fingerprint: print}: HeldDek, {wrapped, opaque}: ManifestEntry): boolean {
  return dek !== null && state !== 'ERROR' && print === fingerprint(wrapped, opaque);
}

function assertCanBeMade(holder: Holder, manifest: ManifestFile, plan: ApplyPlan): void {
  for (const nic of holder.nics) {
    if (!manifest.header.login) nic.assertLogin();
    let alive = 0;
    for (const {dek} of nic.deks.values()) if (dek) alive++;
    const needed = alive + plan.create + plan.replace;
    if (nic.maxDeks === 0 || needed <= nic.maxDeks) continue;
    throw new DekError('LIMIT', `${nic.name} holds at most ${nic.maxDeks} DEKs, and ${needed} would be there at once`, {
      hint: 'new DEKs are made before old ones go: destroy DEKs first, or split the manifest',
    });
  }
}

/** Logs in as the manifest says where there is no such login. */
async function logIn(holder: Holder, {header: {login}}: ManifestFile): Promise<void> {
  if (!login) return;
  for (const nic of holder.nics) {
    if (nic.importMode !== 'plaintext' && !nic.isLoggedInAs(login)) await nic.login(login);
  }
}

/** Makes what is new or changed, on every NIC or on none; what could not be made, if the options allow that. */
async function stage(
  holder: Holder,
  manifest: ManifestFile,
  plan: ApplyPlan,
  {keepGoing, kek, signal, progress}: ApplyOptions,
  staged: Staged[],
): Promise<ApplyFailure[]> {
  const failed: ApplyFailure[] = [];
  const total = plan.create + plan.replace;
  let done = 0;
  for await (const entries of batches(manifest.entries())) {
    assertGoesOn(signal);
    const needed = entries.filter(({name, ...entry}) =>
      holder.nics.some((nic) => {
        const held = nic.deks.get(name);
        return !held || !isUnchanged(held, {name, ...entry});
      }),
    );
    const refused = new Set<string>();
    const first = staged.length;
    for (const nic of holder.nics) {
      let fatal: DekError | undefined;
      // All of the batch are staged before a refusal is thrown: what is made and not staged would never be destroyed.
      for (const [i, dek] of (await makeEntries(nic, needed, kek)).entries()) {
        const entry = needed[i]!;
        if (!(dek instanceof DekError)) staged.push({nic, name: entry.name, held: heldOf(entry, dek)});
        else if (!keepGoing || dek.code === 'DEVICE_GONE') fatal ??= refusal(entry, nic, dek);
        else {
          failed.push(failureOf(entry, nic, dek));
          refused.add(entry.name);
        }
      }
      if (fatal) throw fatal;
    }
    if (refused.size > 0) await withdraw(holder, staged, first, refused);
    done += needed.length;
    progress(done, total);
  }
  return failed;
}

/** A DEK that one NIC refused is on no other either. */
async function withdraw(holder: Holder, staged: Staged[], first: number, names: ReadonlySet<string>): Promise<void> {
  const batch = staged.splice(first);
  staged.push(...batch.filter(({name}) => !names.has(name)));
  for (const nic of holder.nics) {
    await nic.dismiss(batch.flatMap((one) => (one.nic === nic && names.has(one.name) ? one.held.dek! : [])));
  }
}

/** Makes DEKs of a manifest on one NIC: wrapped as they stand, or unwrapped right before their create. */
export async function makeEntries(
  nic: Nic,
  entries: readonly Pick<ManifestEntry, 'keySize' | 'keytag' | 'opaque' | 'wrapped'>[],
  kek: Uint8Array | undefined,
): Promise<(Dek | DekError)[]> {
  if (!kek) return nic.make(entries);
  const plaintexts: Uint8Array[] = [];
  try {
    const unwrapped = entries.map(({keySize, keytag, opaque, wrapped}): CreateDekOptions | DekError => {
      try {
        const plaintext = unwrapKey(kek, wrapped);
        plaintexts.push(plaintext);
        splitDek(plaintext); // throws EQUAL_KEYS
        return {plaintext, keySize, keytag, opaque};
      } catch (error) {
        if (error instanceof DekError) return error;
        throw error;
      }
    });
    const made = await nic.make(unwrapped.filter((one): one is CreateDekOptions => !(one instanceof DekError)));
    let next = 0;
    return unwrapped.map((one) => (one instanceof DekError ? one : made[next++]!));
  } finally {
    wipe(...plaintexts);
  }
}

/** How a DEK of a manifest is held. */
export function heldOf({keySize, keytag, opaque, wrapped}: Omit<ManifestEntry, 'line' | 'name'>, dek: Dek): HeldDek {
  return {
    dek,
    state: 'READY',
    round: 0,
    layout: layoutOf(keySize, keytag),
    opaque: toHex(opaque),
    fingerprint: fingerprint(wrapped, opaque),
    wrapped: null,
  };
}

/** Puts what was made in its place and destroys what it replaces and what is gone from the manifest. */
async function commit(holder: Holder, staged: readonly Staged[], round: number): Promise<void> {
  const old = new Map(holder.nics.map((nic) => [nic, [] as HeldDek[]]));
  for (const {nic, name, held} of staged) {
    const before = nic.deks.get(name);
    if (before) old.get(nic)!.push(before);
    held.round = round;
    nic.deks.set(name, held);
  }
  for (const nic of holder.nics) {
    for (const [name, held] of nic.deks) {
      if (held.round === round) continue;
      old.get(nic)!.push(held);
      nic.deks.delete(name);
    }
  }
  // From here on the new set is the set: what the NIC will not let go of yet is tried again by the health check.
  for (const [nic, held] of old) await nic.dismiss(held.flatMap(({dek}) => dek ?? []));
}

/** The items in arrays of up to BATCH. */
export async function* batches<T>(items: AsyncIterable<T>): AsyncGenerator<T[], void> {
  let batch: T[] = [];
  for await (const item of items) {
    batch.push(item);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

function failureOf({line, name}: ManifestEntry, nic: Nic, {code, message, errno}: DekError): ApplyFailure {
  return {line, name, device: nic.name, code, message, ...(errno === undefined ? {} : {errno})};
}

function refusal({line, name}: ManifestEntry, nic: Nic, error: DekError): DekError {
  return new DekError(error.code, `line ${line}: ${name}: ${error.message}; nothing was changed on ${nic.name}`, {
    hint: error.hint,
    errno: error.errno,
    cause: error,
  });
}
