/** A rotation of the import KEK of a manifest on this host: what it is about, and what is found out before it. */
import {realpathSync} from 'node:fs';
import {resolve} from 'node:path';
import type {AgentStatus} from '../../agent/protocol.js';
import {toHex} from '../../bytes.js';
import {CREDENTIAL_BYTES, type LoginOptions} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import type {ManifestHeader} from '../../manifest/index.js';
import {readHeader} from '../../manifest/read.js';
import {assertOtherKek} from '../../manifest/unwrap.js';
import {functionNamed} from '../../officer/card.js';
import type {DeviceInfo} from '../../rdma/index.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import {statusIfAny} from '../kek-usage.js';
import {assertWrappedBy} from '../manifest/manifest-header.js';
import {journalOf, type Progress, readJournal} from './journal.js';

/** What a rotation is asked to do. */
export interface RotationOptions {
  readonly manifest: string;
  /** The old import KEK and the new one. */
  readonly from: KekHandle;
  readonly to: KekHandle;
  /** The officer's credential, wrapped by the old KEK, and its id. */
  readonly credential: Uint8Array;
  readonly credentialId: number;
  /** Other places that may name the old KEK: manifests, or folders of them. */
  readonly kept: readonly string[];
  readonly socket: string | undefined;
  /** How long to wait until nothing names the old KEK. */
  readonly waitSeconds: number;
  /** Whether progress is shown. */
  readonly isShown: boolean;
}

/** What its steps need. */
export interface Rotation extends RotationOptions {
  /** The manifest as it was named. */
  readonly shown: string;
  readonly fromKcv: string;
  readonly toKcv: string;
  readonly functions: readonly DeviceInfo[];
  readonly journal: string;
  /** What the journal says, or would say. */
  progress: Progress;
  /** Whether there was a journal: then the new KEK may be there although the journal does not say so. */
  readonly isBegun: boolean;
  /** Whether an agent of this host has applied the manifest. */
  readonly hasAgent: boolean;
}

/** Finds out how far it is. Throws what stands in its way, before anything is changed. */
export async function openRotation(options: RotationOptions): Promise<Rotation> {
  const {from, to, socket} = options;
  const manifest = resolve(options.manifest);
  const [fromKcv, toKcv] = [kcvOf(from), kcvOf(to)];
  assertOtherKek(from, to);
  if (!to.secret) {
    throw new DekError('UNSUPPORTED', `${to.name} cannot leave where it is, and has to be wrapped for the NIC`, {
      hint: 'have it wrapped there and add it with dek officer kek add --wrapped; then dek manifest set and dek rewrap',
    });
  }
  await assertWrappedBy(from, options.credential);
  const header = await readHeader(manifest);
  const {login} = header;
  if (!login || !header.edition || !header.importKekKcv) throw unfit(manifest, header);
  const journal = journalOf(manifest);
  const begun = await readJournal(journal);
  if (begun && (begun.from !== fromKcv || begun.to !== toKcv)) {
    throw new DekError('EXISTS', `${journal}: a rotation from KCV ${begun.from} to ${begun.to} is under way`, {
      hint: `finish it first, with the same KEKs; where the NICs have no other than the old one, remove ${journal}`,
    });
  }
  const wrappedUnder = toHex(header.importKekKcv);
  if (!begun && wrappedUnder === toKcv) {
    throw new DekError('EXISTS', `${manifest} is wrapped under KCV ${toKcv} already, that of --to`, {
      hint: 'a rotation to it has ended: dek officer kek list shows whether the old KEK is still in the NICs',
    });
  }
  if (!begun && wrappedUnder !== fromKcv) {
    throw new DekError('BAD_ARGUMENT', `${manifest} was wrapped under KCV ${wrappedUnder}, not ${fromKcv}`, {
      hint: 'give the KEK that wrapped it as --from: dek kek show SOURCE tells the KCV of one',
    });
  }
  const status = await statusIfAny(socket);
  assertHolds(status, manifest);
  const functions = functionsFor(begun?.devices ?? header.devices, status);
  const devices = functions.map(({name}) => name);
  const next = header.edition.nextLogin;
  const isAdded = next?.importKekKcv && toHex(next.importKekKcv) === toKcv;
  const newId = isAdded ? next.importKekId : null;
  const progress = begun ?? {from: fromKcv, to: toKcv, oldId: login.importKekId, newId, devices};
  return {
    ...options,
    manifest,
    shown: options.manifest,
    fromKcv,
    toKcv,
    functions,
    journal,
    progress,
    isBegun: begun !== undefined,
    hasAgent: status !== undefined,
  };
}

/** The officer's login under the new KEK. */
export async function nextOfficer(rotation: Rotation, importKekId: number): Promise<LoginOptions> {
  const {from, to, credential, credentialId} = rotation;
  return {credential: await from.rewrap(to, credential, CREDENTIAL_BYTES), credentialId, importKekId};
}

function kcvOf({kcv, name}: KekHandle): string {
  if (kcv) return toHex(kcv);
  throw new DekError('BAD_ARGUMENT', `${name} cannot tell its KCV, by which a rotation goes`, {
    hint: 'give --from and --to as file:PATH or another source that does: dek kek show SOURCE',
  });
}

function unfit(manifest: string, {edition, login}: ManifestHeader): DekError {
  if (edition && !login)
    return new DekError('BAD_ARGUMENT', `${manifest} has no login, and needs no import KEK`, {
      hint: 'there is nothing to rotate: its NICs unwrap no DEK',
    });
  return new DekError('BAD_ARGUMENT', `${manifest} is of version 1, whose header has no next login`, {
    hint: `dek manifest upgrade ${manifest} --kek SOURCE`,
  });
}

/** An agent that holds other DEKs would lose them by the apply of this manifest. */
function assertHolds(status: AgentStatus | undefined, manifest: string): void {
  if (!status) return;
  const held = status.manifest?.path;
  if (held !== undefined && isSameFile(held, manifest)) return;
  const holds = held === undefined ? 'has applied no manifest' : `holds ${held}`;
  throw new DekError('BAD_ARGUMENT', `the agent of this host ${holds}, and not ${manifest}`, {
    hint: 'name the manifest of the agent, or the agent of the manifest with --socket',
  });
}

/** Whether two paths lead to one file; the agent's may be gone. */
function isSameFile(a: string, b: string): boolean {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return a === b;
  }
}

/** Those that the manifest names, or else the agent has, or else the only one. */
function functionsFor(names: readonly string[], status: AgentStatus | undefined): DeviceInfo[] {
  const held = [
    ...(status?.devices ?? []).map(({name}) => name),
    ...(status?.contexts ?? []).map(({device}) => device),
  ];
  const all = names.length > 0 ? names : [...new Set(held)];
  return all.length === 0 ? [functionNamed(undefined)] : all.map((name) => functionNamed(name));
}
