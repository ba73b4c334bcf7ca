/** What an apply would do, and what stands in its way: the manifest read whole and compared with what is held. */

import {DekError} from '../../errors.js';
import {isUnchanged} from '../nic/held-dek.js';
import type {ApplyPlan} from '../protocol.js';
import type {DekSet} from './dek-set.js';
import type {ManifestFile} from './manifest-file.js';

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
  const strangers = devices.filter((name) => !dekSet.nics.some((nic) => nic.isCalled(name)));
  const left = dekSet.nics.filter((nic) => !devices.some((name) => nic.isCalled(name)));
  if (strangers.length === 0 && left.length === 0) return;
  throw new DekError('BAD_ARGUMENT', `${path} is for ${devices.join(', ')}, this agent holds ${dekSet.deviceNames}`, {
    hint: 'start an agent for the devices of the manifest: dek agent --device NAME,NAME',
  });
}

export function assertGoesOn(signal: AbortSignal): void {
  if (signal.aborted) throw new DekError('IO', 'the apply was interrupted; nothing was changed');
}

/** Reads the whole manifest and compares it with what is held, without a change. Throws BAD_INPUT. */
export async function makePlan(dekSet: DekSet, manifest: ManifestFile, signal: AbortSignal): Promise<ApplyPlan> {
  const plan = {create: 0, replace: 0, destroy: 0, unchanged: 0};
  let named = 0;
  if (dekSet.nics.every(({deks}) => deks.size === 0)) {
    return {...plan, create: await manifest.count(() => assertGoesOn(signal))};
  }
  for await (const batch of manifest.batches()) {
    assertGoesOn(signal);
    for (const [i, name] of batch.names.entries()) {
      const held = dekSet.nics.map((nic) => nic.deks.get(name));
      if (held[0]) named++;
      if (held.every((one) => isUnchanged(one, batch, i))) plan.unchanged++;
      else if (held.some((one) => !one?.dek)) plan.create++;
      else plan.replace++;
    }
  }
  return {...plan, destroy: dekSet.nics[0]!.deks.size - named};
}

/** Throws NO_LOGIN, and LIMIT when a NIC has no room for what has to be made. */
export function assertCanBeMade(dekSet: DekSet, manifest: ManifestFile, plan: ApplyPlan): void {
  for (const nic of dekSet.nics) {
    if (!manifest.header.login) nic.login.assertThere();
    let alive = 0;
    for (const {dek} of nic.deks.values()) if (dek) alive++;
    const needed = alive + plan.create + plan.replace;
    if (nic.maxDeks === 0 || needed <= nic.maxDeks) continue;
    throw new DekError('LIMIT', `${nic.name} holds at most ${nic.maxDeks} DEKs, and ${needed} would be there at once`, {
      hint: 'new DEKs are made before old ones go: destroy DEKs first, or split the manifest',
    });
  }
}
