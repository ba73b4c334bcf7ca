/**
 * The steps of a rotation, in their order. Each tells what it will do, finds out whether it is done, and does it; each
 * can be done again. Before the last one nothing is lost by stopping: both KEKs are in the NICs.
 */

import {dirname} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import {connectAgent} from '../../agent/client.js';
import {toHex} from '../../bytes.js';
import {CREDENTIAL_BYTES, type LoginOptions} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import type {ManifestHeader} from '../../manifest/index.js';
import {readHeader} from '../../manifest/read.js';
import {openDevice} from '../../nics.js';
import {addToAll} from '../../officer/functions.js';
import {Officer} from '../../officer/officer.js';
import {assertUnused, kekUsage} from '../kek-usage.js';
import {withCrew} from '../manifest/many-deks.js';
import {deliverManifest} from '../manifest/replace-manifest.js';
import {rewrapManifest} from '../manifest/rewrap-manifest.js';
import {namesOf} from '../officer.js';
import {describeId} from '../output/describe.js';
import {removeJournal, writeJournal} from './journal.js';
import {nextOfficer, type Rotation} from './rotation.js';

/** A step. */
export interface Step {
  readonly name: 'add' | 'next-login' | 'try' | 'rewrap' | 'reload' | 'wait' | 'delete';
  /** What it will do, in the imperative. */
  tell(rotation: Rotation): string;
  isDone?(rotation: Rotation, header: ManifestHeader): boolean;
  run(rotation: Rotation): Promise<void>;
}

const IN_PLACE = {force: false};
/** How often it is asked who names the old KEK. */
const LOOK_MS = 500;

export const STEPS: readonly Step[] = [
  {
    name: 'add',
    tell: (rotation) => `add the KEK with KCV ${rotation.toKcv} to ${namesOf(rotation.functions)}`,
    isDone: ({progress}) => progress.newId !== null,
    run: addNew,
  },
  {
    name: 'next-login',
    tell: ({shown}) => `write its login into ${shown} as the next one`,
    isDone: ({toKcv}, header) => isUnder(header.importKekKcv, toKcv) || hasNext(header, toKcv),
    run: writeNextLogin,
  },
  {
    name: 'try',
    tell: (rotation) => `log in by it on a context of its own on ${namesOf(rotation.functions)}`,
    run: tryLogin,
  },
  {
    name: 'rewrap',
    tell: ({shown, fromKcv, toKcv}) => `re-wrap ${shown} from KCV ${fromKcv} to KCV ${toKcv}`,
    isDone: ({toKcv}, header) => isUnder(header.importKekKcv, toKcv),
    run: async ({manifest, from, to, isShown}) => {
      await rewrapManifest(manifest, IN_PLACE, {from, to}, isShown);
    },
  },
  {
    name: 'reload',
    tell: ({hasAgent}) => (hasAgent ? 'have the agent apply it: no DEK is made anew' : 'reload nothing: no agent runs'),
    run: reload,
  },
  {
    name: 'wait',
    tell: ({fromKcv}) => `wait until no manifest and no login of this host names the KEK with KCV ${fromKcv}`,
    run: waitUnused,
  },
  {
    name: 'delete',
    tell: (rotation) => {
      const {oldId, from} = rotation.progress;
      return `delete import KEK ${describeId(oldId)} (KCV ${from}) from ${namesOf(rotation.functions)}`;
    },
    run: deleteOld,
  },
];

function isUnder(kcv: Uint8Array | null, wanted: string): boolean {
  return kcv !== null && toHex(kcv) === wanted;
}

function hasNext({edition}: ManifestHeader, kcv: string): boolean {
  return isUnder(edition?.nextLogin?.importKekKcv ?? null, kcv);
}

/** The journal was there before: if the process dies in between, the next one looks whether the KEK is there. */
async function addNew(rotation: Rotation): Promise<void> {
  const {from, to, functions, credential, credentialId, progress, journal} = rotation;
  const login = {credential, credentialId, importKekId: progress.oldId};
  const found = rotation.isBegun ? await findNew(rotation) : undefined;
  const kek = to.secret!;
  const missing = functions.filter(({name}) => !found?.has(name));
  const added = await addToAll(missing, 'kek', login, {wrapped: await from.wrap(kek, kek.length)});
  const places = new Map([...(found ?? []), ...added.map(({device, id}) => [device, id] as const)]);
  const ids = new Set(places.values());
  if (ids.size > 1) {
    await takeBack(rotation, login, places);
    throw differentIds(rotation, ids);
  }
  rotation.progress = {...progress, newId: [...ids][0]!};
  await writeJournal(journal, rotation.progress);
}

/** By device, the id under which the new KEK is there already: a login under it tells. */
async function findNew(rotation: Rotation): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const info of rotation.functions) {
    using officer = await Officer.open(info);
    const {credential, credentialId, progress} = rotation;
    const now = {credential, credentialId, importKekId: progress.oldId};
    for (const {id} of await officer.list('kek', now)) {
      if (id !== progress.oldId && officer.isOfficer(await nextOfficer(rotation, id))) found.set(info.name, id);
    }
  }
  return found;
}

/** The NICs are as they were, and there is nothing to go on with. */
async function takeBack(
  {functions, journal}: Rotation,
  login: LoginOptions,
  places: ReadonlyMap<string, number>,
): Promise<void> {
  for (const info of functions) {
    using officer = await Officer.open(info);
    await officer.delete('kek', login, places.get(info.name)!);
  }
  await removeJournal(journal);
}

function differentIds({functions}: Rotation, ids: ReadonlySet<number>): DekError {
  const list = [...ids].map(describeId).join(' and ');
  return new DekError(
    'EXISTS',
    `${namesOf(functions)} gave the new KEK the ids ${list}, and a manifest has one login for all`,
    {
      hint: 'it was taken back; give each NIC a manifest of its own, or free the same ids',
    },
  );
}

async function writeNextLogin({manifest, from, to, progress, isShown}: Rotation): Promise<void> {
  const {editManifest} = await import('../../bulk/index.js');
  const {login} = await readHeader(manifest);
  const credential = await from.rewrap(to, login!.credential, CREDENTIAL_BYTES);
  const nextLogin = {
    importKekId: progress.newId!,
    importKekKcv: to.kcv!,
    credentialId: login!.credentialId,
    credential,
  };
  const header = (next: ManifestHeader): ManifestHeader => ({...next, edition: {...next.edition!, nextLogin}});
  await withCrew([], isShown, async (crew, count) => {
    await deliverManifest(manifest, editManifest(crew, manifest, {header, remove: []}, count('written')), IN_PLACE);
  });
}

async function tryLogin({manifest, functions, toKcv}: Rotation): Promise<void> {
  const {login, importKekKcv, edition} = await readHeader(manifest);
  const tried: LoginOptions = isUnder(importKekKcv, toKcv) ? login! : edition!.nextLogin!;
  for (const info of functions) {
    using device = await openDevice(info.name);
    const state = device.login(tried).query();
    if (state === 'VALID') continue;
    const login = `the login under import KEK ${describeId(tried.importKekId)}`;
    throw new DekError('NOT_READY', `${login} is ${state} on ${info.name}`);
  }
}

async function reload({manifest, socket, hasAgent}: Rotation): Promise<void> {
  if (!hasAgent) return;
  const agent = await connectAgent(socket);
  const request = {path: manifest, kek: undefined, dryRun: true, keepGoing: false};
  const {plan} = await agent.apply(request);
  if (plan.replace > 0) {
    throw new DekError(
      'NOT_READY',
      `the agent would make ${plan.replace} DEKs anew: their check values are not known`,
      {
        hint: `when that is meant: dek apply ${manifest}; then the same command again`,
      },
    );
  }
  await agent.apply({...request, dryRun: false});
}

async function waitUnused(rotation: Rotation): Promise<void> {
  const {manifest, kept, socket, fromKcv, progress, waitSeconds} = rotation;
  const options = {
    paths: [dirname(manifest), ...kept],
    socket,
    ids: [progress.oldId],
    devices: rotation.functions.map(({name}) => name),
  };
  const until = performance.now() + 1000 * waitSeconds;
  for (;;) {
    const usage = await kekUsage(fromKcv, options);
    if (usage.manifests.length + usage.logins.length === 0) return;
    if (performance.now() > until)
      assertUnused(
        `the KEK with KCV ${fromKcv}`,
        usage,
        'bring what names it to the new KEK: dek rewrap, dek apply --reload',
      );
    await pause(LOOK_MS);
  }
}

/** Under the new KEK, since no officer deletes what he is logged in with. Where it is gone, that was done before. */
async function deleteOld(rotation: Rotation): Promise<void> {
  const login = await nextOfficer(rotation, rotation.progress.newId!);
  for (const info of rotation.functions) {
    using officer = await Officer.open(info);
    try {
      await officer.delete('kek', login, rotation.progress.oldId);
    } catch (error) {
      if (!(error instanceof DekError && error.code === 'NO_INPUT')) throw error;
    }
  }
}
