/**
 * Proves DEKs that the agent holds, and leaves on each what was found. A question, which changes nothing on the NIC and
 * keeps no change waiting.
 */
import type {AuditedDek} from '../../audit/entry.js';
import type {Events} from '../events.js';
import {bytesOf, type HeldDek} from '../nic/held-dek.js';
import type {Nic} from '../nic/nic.js';
import type {Provable} from '../nic/proving.js';
import {type Finding, isGood, isWrong, type Proof, type ProofStatus, type Verdict} from '../proof.js';
import {assertWanted} from '../wanted.js';

/** DEKs that are proven at a time. */
const BATCH = 256;
/** Names that an event lists before it only counts. */
const NAMES_SHOWN = 10;

/** A DEK by its name: in the set, or on its way there. */
export type NamedDek = readonly [name: string, held: HeldDek];

/** How proofs are made. */
export interface ProveOptions {
  events: Events;
  /** Ends them, with IO. */
  signal: AbortSignal;
  /** Whether the value of a DEK of a manifest that has none is recorded. */
  record?: boolean;
  /** Is called with the proofs of each batch, in order. */
  tell?: (proofs: readonly Proof[]) => void;
}

/**
 * Proves the DEKs of these names on each NIC, as far as they are there. A value that is recorded on one NIC is what the
 * others, and later proofs, have to come to.
 */
export async function proveNames(
  {nics, events}: {readonly nics: readonly Nic[]; readonly events: Events},
  names: readonly string[],
  options: Omit<ProveOptions, 'events'>,
): Promise<void> {
  const tell = (proofs: readonly Proof[]): void => {
    for (const {name, dcv} of proofs) if (dcv !== undefined) keepValue(nics, name, dcv);
    options.tell?.(proofs);
  };
  for (const nic of nics) {
    const batches = function* (): Generator<NamedDek[], void> {
      for (let i = 0; i < names.length; i += BATCH) {
        yield names.slice(i, i + BATCH).flatMap((name): NamedDek[] => {
          const held = nic.deks.get(name);
          return held ? [[name, held]] : [];
        });
      }
    };
    await proveBatches(nic, batches(), {...options, events, tell});
  }
}

function keepValue(nics: readonly Nic[], name: string, dcv: string): void {
  for (const nic of nics) {
    const held = nic.deks.get(name);
    if (held) held.dcv ??= dcv;
  }
}

/** Proves these DEKs of a NIC; resolves to the proofs that are not good. */
export async function proveHeld(nic: Nic, deks: readonly NamedDek[], options: ProveOptions): Promise<Proof[]> {
  const bad: Proof[] = [];
  const batches = function* (): Generator<readonly NamedDek[], void> {
    for (let i = 0; i < deks.length; i += BATCH) yield deks.slice(i, i + BATCH);
  };
  const tell = (proofs: readonly Proof[]): void => {
    for (const proof of proofs) if (!isGood(proof)) bad.push(proof);
    options.tell?.(proofs);
  };
  if (deks.length > 0) await proveBatches(nic, batches(), {...options, tell});
  return bad;
}

/** A value of a manifest that has no hints beside it was not made from the key: it was recorded. */
function provable({dek, dcv, dcvHints, keytagValue, fingerprint}: HeldDek, record: boolean): Provable {
  const isRecorded = dcvHints === null && fingerprint !== 0 && (record || dcv !== null);
  return {dek, dcv: bytesOf(dcv), dcvHints: bytesOf(dcvHints), keytagValue: bytesOf(keytagValue), isRecorded};
}

async function proveBatches(
  nic: Nic,
  batches: Iterable<readonly NamedDek[]>,
  {events, signal, record = false, tell = () => {}}: ProveOptions,
): Promise<void> {
  const count = new Count();
  const proving = await nic.openProving();
  try {
    for (const batch of batches) {
      assertWanted(signal);
      const asked = batch.map(([, {dek}]) => dek);
      const findings = await proving.prove(batch.map(([, held]) => provable(held, record)));
      const leave = statuses();
      const proofs = batch.map(([name, held], i): Proof => {
        const finding = findings[i]!;
        // Of one that was lost or made anew meanwhile it shows nothing.
        if (held.dek === asked[i]) held.proof = leave(finding);
        return {name, device: nic.name, ...finding};
      });
      for (const proof of proofs) count.add(proof);
      tell(proofs);
      events.audit(() => ({kind: 'prove', device: nic.name, by: signal, results: byVerdict(batch, proofs)}));
    }
  } finally {
    await proving.close();
  }
  count.tell(events, nic.name);
}

function byVerdict(batch: readonly NamedDek[], proofs: readonly Proof[]): Map<string, AuditedDek[]> {
  const results = new Map<string, AuditedDek[]>();
  for (const [i, {name, verdict}] of proofs.entries()) {
    const deks = results.get(verdict) ?? [];
    deks.push({name, dcv: batch[i]![1].dcv});
    results.set(verdict, deks);
  }
  return results;
}

/** What each finding leaves; all that are `ok` share one. */
function statuses(): (finding: Finding) => ProofStatus {
  const at = new Date().toISOString();
  const ok = {verdict: 'ok', at} as const;
  return (finding) => (finding.verdict === 'ok' ? ok : {...finding, at});
}

/** What the events say of many proofs: how many came to which verdict, and the first names of those that are wrong. */
class Count {
  readonly #count = {deks: 0, ok: 0, recorded: 0, wrong: 0, notProvable: 0};
  readonly #verdicts: Partial<Record<Verdict, number>> = {};
  readonly #wrong = new Map<Verdict, string[]>();

  add(proof: Proof): void {
    const {verdict, name} = proof;
    const before = this.#verdicts[verdict] ?? 0;
    this.#verdicts[verdict] = before + 1;
    this.#count.deks++;
    if (verdict === 'ok') this.#count.ok++;
    else if (verdict === 'recorded') this.#count.recorded++;
    else if (verdict === 'not-provable') this.#count.notProvable++;
    else this.#count.wrong++;
    if (!isWrong(proof)) return;
    if (before === 0) this.#wrong.set(verdict, []);
    if (before < NAMES_SHOWN) this.#wrong.get(verdict)!.push(name);
  }

  tell(events: Events, device: string): void {
    for (const [verdict, names] of this.#wrong) {
      events.emit('error', 'proof-failed', {device, verdict, deks: this.#verdicts[verdict]!, names});
    }
    events.emit('info', 'prove', {device, ...this.#count, verdicts: this.#verdicts});
  }
}
