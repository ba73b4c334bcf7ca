/** What operators do with a fleet of two hosts, each with the steps that it takes. */
import {createHash} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {DekError} from '../../../src/errors.js';
import type {Store} from '../../../src/fleet/etcd/store.js';
import type {FleetKeys} from '../../../src/fleet/layout/keys.js';
import {publish} from '../../../src/fleet/publish/publish.js';
import {beginRollout, resumeRollout, rollBack} from '../../../src/fleet/rollout/rollout.js';
import {readHeader} from '../../../src/manifest/read.js';
import {formatRelease, newRelease, type ReleasedManifest} from '../../../src/manifest/release/release.js';
import {newOfficerKeys, TestSet, volumes} from './fleet.js';
import {HOSTS, type Operation} from './step-cases.js';

export interface SteppedOperation extends Operation {
  readonly steps: readonly string[];
  /** The generation that both hosts hold before, and at its end. */
  readonly from: number;
  readonly to: number;
  /** How many DEKs each host has at its end. */
  readonly deks: readonly number[];
  /** What an operator is told when the store was away in the middle of it. */
  readonly hint: RegExp;
}

const PREPARING = [
  'asks for a lease',
  'writes who has the fleet',
  'reads the rollout',
  'reads the pointers',
  'reads the reports',
  'reads names',
  'looks for pieces',
  'writes pieces',
  'writes names',
];
const COMPARING = ['reads pieces', 'reads pieces', 'reads pieces', 'reads pieces'];
const LOOKING = ['reads the pointers', 'reads the reports'];
const FORGETTING = ['reads what is kept', 'removes an earlier generation'];
const COLLECTING = ['reads the pointers', 'reads what is kept', ...COMPARING];

/** A rollout in two waves, once it is prepared, until the host of the last one is to be moved. */
const UNTIL_THE_LAST = [
  'looks for pieces',
  'writes pieces',
  'writes that the rollout is running, in wave 1',
  ...LOOKING,
  ...COMPARING,
  'writes a pointer',
  ...LOOKING,
  'writes that the rollout is running, in wave 2',
  ...LOOKING,
  ...COMPARING,
];

const STEPS = {
  publication: [
    ...PREPARING,
    ...COMPARING,
    'writes a pointer',
    ...FORGETTING,
    ...COLLECTING,
    'reads pieces',
    'removes pieces',
    'gives its lease back',
  ],
  rollout: [
    ...PREPARING,
    ...COMPARING,
    ...UNTIL_THE_LAST,
    'writes a pointer',
    ...LOOKING,
    ...FORGETTING,
    ...COLLECTING,
    ...['reads pieces', 'reads pieces', 'reads pieces'],
    'removes pieces',
    'writes that the rollout is done, in wave 2',
    'gives its lease back',
  ],
  rollback: [
    ...PREPARING.slice(0, 3),
    ...['reads pieces', 'reads pieces'],
    ...LOOKING,
    'writes that the rollout is running, in wave 2',
    ...LOOKING,
    'writes a pointer',
    ...LOOKING,
    'writes that the rollout is rolled-back, in wave 2',
    'gives its lease back',
  ],
  move: [
    ...PREPARING.slice(0, 6),
    'reads names',
    ...PREPARING.slice(6, 8),
    ...[...COMPARING, ...COMPARING],
    ...UNTIL_THE_LAST,
    'reads what is kept',
    'writes a pointer',
    ...LOOKING,
    'reads what is kept',
    ...COLLECTING,
    ...[...COMPARING, 'reads pieces', 'reads pieces'],
    'writes that the rollout is done, in wave 2',
    'gives its lease back',
  ],
} as const;

const driving = () => ({signal: new AbortController().signal, onProgress: () => {}});
const ROLLOUT = {waves: '1,100%', maxUnavailable: 0, waitSeconds: 600, prove: false};
const ROLLOUT_HINT = /when etcd answers again: dek fleet rollout resume, or the same again where none is open$/;

function requestOf(path: string, replaceKeys: readonly string[] = []) {
  const rest = {fallback: undefined, folder: undefined, hosts: HOSTS, replaceSet: false, letGo: false, keep: 1};
  return {path, replaceKeys, ...rest, onProgress: () => {}};
}

/** What is over, or was never begun, is no fault. */
function unlessNone(error: unknown): void {
  if (!(error instanceof DekError) || error.code !== 'NO_INPUT') throw error;
}

/** As the hint says. */
async function resumeOr(begin: Operation['run'], store: Store, keys: FleetKeys): Promise<void> {
  await resumeRollout(store, keys, driving()).catch((error) => {
    unlessNone(error);
    return begin(store, keys).catch(unlessNone);
  });
}

/** All of them; files are in `directory`. */
export async function operationsIn(directory: string): Promise<Record<keyof typeof STEPS, SteppedOperation>> {
  const officer = newOfficerKeys(1);
  const set = new TestSet(directory);
  const write = (count: number, rekey: string[] = []): Promise<string> =>
    set.write({names: volumes(count), under: officer, rekey});
  const [first, second, third, back] = [await write(1), await write(2), await write(3), await write(2)];
  const rekeyed = await write(3, ['vol-1']);

  const prepare: Operation['prepare'] = async (store, keys, untilAllHold) => {
    for (const path of [first, second]) await publish(store, keys, requestOf(path));
    await untilAllHold(2);
  };
  const publication: Operation['run'] = (store, keys) => publish(store, keys, requestOf(rekeyed, ['vol-1']));
  const rollout: Operation['run'] = (store, keys) =>
    beginRollout(store, keys, {...requestOf(third), fallback: back, ...ROLLOUT}, driving());
  return {
    publication: {
      ...{steps: STEPS.publication, from: 2, to: 5, deks: [3, 3]},
      hint: /each host is as it was, or moved: when etcd answers again, publish again$/,
      ...{prepare, run: publication, again: publication},
    },
    rollout: {
      ...{steps: STEPS.rollout, from: 2, to: 3, deks: [3, 3], hint: ROLLOUT_HINT},
      ...{prepare, run: rollout, again: (store, keys) => resumeOr(rollout, store, keys)},
    },
    rollback: {
      ...{steps: STEPS.rollback, from: 3, to: 4, deks: [2, 2]},
      hint: /when etcd answers again: dek fleet rollout rollback$/,
      prepare: async (store, keys, untilAllHold) => {
        await prepare(store, keys, untilAllHold);
        await rollout(store, keys);
        await untilAllHold(3);
      },
      run: (store, keys) => rollBack(store, keys, driving()),
      again: (store, keys) => rollBack(store, keys, driving()).catch(unlessNone),
    },
    move: await moveIn(directory),
  };
}

/** A volume goes from node-1 to node-2, which comes first by that, and proves it before node-1 lets go. */
async function moveIn(directory: string): Promise<SteppedOperation> {
  const officer = newOfficerKeys(1);
  const [source, heir] = [new TestSet(directory), new TestSet(directory)];
  const write = (set: TestSet, file: string, host: number, names: string[]): Promise<string> =>
    set.write({names, under: officer, file, edition: {hosts: [HOSTS[host]!]}});
  const before = [await write(source, 'source-1', 0, ['a', 'b']), await write(heir, 'heir-1', 1, ['c'])];
  heir.adopt(source, 'b');
  const after = [await write(source, 'source-2', 0, ['a']), await write(heir, 'heir-2', 1, ['b', 'c'])];
  const release = join(directory, 'release');
  fs.writeFileSync(release, formatRelease(newRelease(await Promise.all(after.map(releasedAs)))));
  const run: Operation['run'] = (store, keys) =>
    beginRollout(store, keys, {...requestOf(release), ...ROLLOUT, prove: true}, driving());
  return {
    ...{steps: STEPS.move, from: 1, to: 2, deks: [1, 2], hint: ROLLOUT_HINT},
    hosts: (one, name) => ({
      proves: true,
      refuses: ({generation}) => {
        if (name === HOSTS[0] && generation === 2 && one.held[1] !== 2) one.wrongs.push('node-1 let go of b too soon');
        return undefined;
      },
    }),
    prepare: async (store, keys, untilAllHold) => {
      for (const [i, path] of before.entries()) await publish(store, keys, {...requestOf(path), hosts: [HOSTS[i]!]});
      await untilAllHold(1);
    },
    run,
    again: (store, keys) => resumeOr(run, store, keys),
  };
}

async function releasedAs(path: string): Promise<ReleasedManifest> {
  const {edition} = await readHeader(path);
  const {id, generation, hosts} = edition!;
  const digest = new Uint8Array(createHash('sha256').update(fs.readFileSync(path)).digest());
  return {id, generation, digest, hosts, fallback: false};
}
