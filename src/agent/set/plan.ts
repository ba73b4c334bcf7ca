/** What an apply would do, and what stands in its way: the manifest read whole and compared with what is held. */

import type {AuditEntry} from '../../audit/entry.js';
import {DekError} from '../../errors.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import {
  type HeldDek,
  isAnotherKey,
  isSame,
  isSameKey,
  isUnchanged,
  isWhole,
  newsOf,
  type Told,
} from '../nic/held-dek.js';
import type {Nic} from '../nic/nic.js';
import type {Proof} from '../proof.js';
import {proofError, wordsOf} from '../proof-words.js';
import type {ApplyFailure, ApplyPlan, ApplyProgress} from '../protocol.js';
import type {DekBatch} from './dek-batch.js';
import type {DekSet} from './dek-set.js';
import type {ManifestFile} from './manifest-file.js';

/** How a manifest is applied. */
export interface ApplyOptions {
  /** Only tell the plan. */
  dryRun: boolean;
  /** Keep what worked, list what did not. */
  keepGoing: boolean;
  /** Ask the NIC for each DEK right after its create, and take one that is not READY for refused. */
  query: boolean;
  /** The share of the DEKs that is proven, up to 1; 0 for none. */
  prove: number;
  /** Names that may become other keys. */
  replaceKeys: readonly string[];
  /** Unwraps each DEK right before its create, for NICs in plaintext import mode. The caller closes it. */
  kek: KekHandle | undefined;
  /** Only log in, where the manifest is whole. */
  makesNone?: boolean;
  /** Called when all has been made and nothing is changed yet: the last thing that can fail. */
  accepted?: () => Promise<void>;
  /** What the audit says of the manifest. */
  facts?: Pick<AuditEntry, 'manifest' | 'generation'>;
  /** Ends the work and puts everything back when it fires. */
  signal: AbortSignal;
  progress: ApplyProgress;
}

/** Throws when a NIC that takes plaintext has no KEK to unwrap with, or when no NIC needs the one that is given. */
export function assertImportMode(dekSet: DekSet, hasKek: boolean): void {
  const plain = dekSet.nics.find(({importMode}) => importMode === 'plaintext');
  if (plain && !hasKek) {
    throw new DekError('BAD_ARGUMENT', `${plain.name} takes plaintext DEKs: the import KEK is needed to unwrap them`, {
      hint: 'dek apply MANIFEST --kek SOURCE',
    });
  }
  if (plain || !hasKek) return;
  const what = dekSet.nics.length > 1 ? 'unwrap DEKs themselves' : 'unwraps DEKs itself';
  throw new DekError('BAD_ARGUMENT', `${dekSet.deviceNames} ${what}: --kek is needless there`, {
    hint: 'leave it out: a host that does not need the import KEK should not have it',
  });
}

/** The NICs that the manifest names must be those of this agent. */
export function assertMeant(dekSet: DekSet, {header, path}: ManifestFile): void {
  const {devices} = header;
  if (devices.length === 0) return;
  const strangers = dekSet.isLent ? [] : devices.filter((name) => !dekSet.nics.some((nic) => nic.isCalled(name)));
  const left = dekSet.nics.filter((nic) => !devices.some((name) => nic.isCalled(name)));
  if (strangers.length === 0 && left.length === 0) return;
  throw new DekError('BAD_ARGUMENT', `${path} is for ${devices.join(', ')}, this agent holds ${dekSet.deviceNames}`, {
    hint: 'start an agent for the devices of the manifest: dek agent --device NAME,NAME',
  });
}

export function assertGoesOn(signal: AbortSignal): void {
  if (signal.aborted) throw new DekError('IO', 'the apply was interrupted; nothing was changed');
}

/** What an apply does with a DEK of the manifest. */
type Fate = 'create' | 'replace' | 'rewrapped' | 'unchanged';

function fateOf(held: readonly (HeldDek | undefined)[], batch: DekBatch, i: number): Fate {
  if (held.every((one) => isUnchanged(one, batch, i))) return 'unchanged';
  if (held.every((one) => isWhole(one) && (isSame(one, batch, i) || isSameKey(one, batch, i)))) return 'rewrapped';
  return held.some((one) => !one?.dek) ? 'create' : 'replace';
}

/**
 * Reads the whole manifest and compares it with what is held, without a change. Throws BAD_INPUT; WRONG_KEY when a name
 * has become another key, unless it is in `replaceKeys`.
 */
export async function makePlan(
  {nics}: DekSet,
  manifest: ManifestFile,
  {signal, replaceKeys}: Pick<ApplyOptions, 'signal' | 'replaceKeys'>,
): Promise<{plan: ApplyPlan; untold: number}> {
  const plan = {create: 0, replace: 0, rewrapped: 0, destroy: 0, unchanged: 0};
  let [named, untold] = [0, 0];
  if (nics.every(({deks}) => deks.size === 0)) {
    return {plan: {...plan, create: await manifest.count(() => assertGoesOn(signal))}, untold};
  }
  const others: OtherKey[] = [];
  for await (const batch of manifest.batches()) {
    assertGoesOn(signal);
    for (const [i, name] of batch.names.entries()) {
      const held = nics.map((nic) => nic.deks.get(name));
      if (held[0]) named++;
      const fate = fateOf(held, batch, i);
      plan[fate]++;
      if (fate === 'replace' && held.some((one) => isSameKey(one!, batch, i) === undefined)) untold++;
      const other = replaceKeys.includes(name) ? undefined : held.find((one) => isAnotherKey(one, batch, i));
      if (other) others.push({line: batch.lines[i]!, name, was: other.dcv!, is: batch.dcvs[i]!});
    }
  }
  if (others.length > 0) throw otherKeys(others);
  return {plan: {...plan, destroy: nics[0]!.deks.size - named}, untold};
}

/** A name that has become another key. */
interface OtherKey {
  line: number;
  name: string;
  /** Check values. */
  was: string;
  is: string;
}

/** Enough of a check value to tell two apart; 32 digits could be a key, and would be hidden. */
const digits = (dcv: string): string => dcv.slice(0, 8);

function otherKeys(others: readonly OtherKey[]): DekError {
  const {line, name, was, is} = others.reduce((first, next) => (next.line < first.line ? next : first));
  const left = others.length - 1;
  const more = `, and ${left} more ${left === 1 ? 'has become another key' : 'have become other keys'}`;
  const values = `its DCV begins with ${digits(is)}, not ${digits(was)}`;
  const text = `line ${line}: ${name} is another key than it is here: ${values}`;
  return new DekError('WRONG_KEY', `${text}${left === 0 ? '' : more}; nothing was changed`, {
    hint: `what was written with the old key cannot be read with the new one; if that is meant: --replace-key ${name}`,
  });
}

/** What the manifest of an apply names, on these NICs. */
export class Marking {
  readonly #nics: readonly Nic[];
  readonly namedBy: number;
  /** Of DEKs that stay. */
  readonly #news = new Map<HeldDek, Told>();

  /** For the apply of this number. */
  constructor(nics: readonly Nic[], namedBy: number) {
    this.#nics = nics;
    this.namedBy = namedBy;
  }

  /** Marks DEK `i` as named, and tells whether a NIC lacks it. */
  readonly isNeeded = (batch: DekBatch, i: number): boolean => {
    const held = this.#nics.map((nic) => nic.deks.get(batch.names[i]!));
    const fate = fateOf(held, batch, i);
    const isKept = fate === 'unchanged' || fate === 'rewrapped';
    for (const one of held) {
      if (!one) continue;
      one.namedBy = this.namedBy;
      const news = isKept ? newsOf(one, batch, i) : undefined;
      if (news) this.#news.set(one, news);
    }
    return !isKept;
  };

  /** For those that stay takes over how they are wrapped now, and what is told of them. */
  takeOver(): void {
    for (const [held, news] of this.#news) Object.assign(held, news);
  }
}

/**
 * Whether every NIC has room for the new DEKs beside the old ones that they replace. Throws NO_LOGIN; LIMIT when one
 * has no room for what the manifest names.
 */
export function assertCanBeMade(dekSet: DekSet, manifest: ManifestFile, plan: ApplyPlan): boolean {
  const named = plan.create + plan.replace + plan.rewrapped + plan.unchanged;
  let isRoomForBoth = true;
  for (const {name, login, deks, maxDeks, keep} of dekSet.nics) {
    if (!manifest.header.login) login.assertThere();
    if (maxDeks === 0) continue;
    if (named > maxDeks) {
      throw new DekError('LIMIT', `${name} holds at most ${maxDeks} DEKs, and the manifest names ${named}`, {
        hint: 'split the manifest, or raise the limit of the NIC',
      });
    }
    let alive = 0;
    for (const {dek} of deks.values()) if (dek) alive++;
    if (alive + plan.create + plan.replace <= maxDeks) continue;
    if (keep) throw noRoomBeside(name, maxDeks, alive, plan.create + plan.replace);
    isRoomForBoth = false;
  }
  return isRoomForBoth;
}

/** How DEKs are listed that are not shown to be the right ones. */
export async function failuresOf(manifest: ManifestFile, bad: readonly Proof[]): Promise<ApplyFailure[]> {
  if (bad.length === 0) return [];
  const lines = new Map<string, number>();
  const names = new Set(bad.map(({name}) => name));
  for await (const batch of manifest.batches((all, i) => names.has(all.names[i]!))) {
    for (const [i, name] of batch.names.entries()) lines.set(name, batch.lines[i]!);
  }
  return bad.map((proof) => {
    const {code} = proofError([proof]);
    return {line: lines.get(proof.name)!, name: proof.name, device: proof.device, code, message: wordsOf(proof)};
  });
}

/** A service may use the old ones, which cannot go first. */
function noRoomBeside(name: string, maxDeks: number, alive: number, made: number): DekError {
  const text = `${name} holds at most ${maxDeks} DEKs: ${alive} are there for a service, and ${made} would come`;
  return new DekError('LIMIT', text, {hint: 'change fewer at a time, or stop the service first'});
}

/** How a DEK that could not be made is listed. */
export function failureOf(line: number, name: string, nic: Nic, {code, message, errno}: DekError): ApplyFailure {
  return {line, name, device: nic.name, code, message, ...(errno === undefined ? {} : {errno})};
}
