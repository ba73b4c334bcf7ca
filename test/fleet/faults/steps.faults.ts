/**
 * etcd is killed in each single step of a publication (with --replace-key), a rollout (with --fallback), a rollback,
 * and a rollout by which a volume moves from host to host: one member alone, and of three one that is killed and one
 * that is paused at once, so that no two are left to agree. Each operation is in another step when that happens.
 */
import fs from 'node:fs';
import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import type {DekError} from '../../../src/errors.js';
import {EtcdCluster} from '../../support/fleet/etcd.js';
import {operationsIn} from '../../support/fleet/operations.js';
import {forAll, HOSTS, type Place, StepCase} from '../../support/fleet/step-cases.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';
import {until} from '../../support/until.js';

const NOWHERE: Place = {step: Number.POSITIVE_INFINITY, when: 'before'};
const AWAY = /^(no member of etcd could be used: 127\.0\.0\.1:\d+: |the store was away too long)/;
/** Longer than one member has for its answer, and shorter than an operator's lease. */
const SHORT_MS = 4000;

interface Outage {
  readonly words: string;
  readonly members: number;
  readonly isShort: boolean;
  readonly byPassword?: true;
}

const OUTAGES: readonly Outage[] = [
  {words: 'etcd is killed and stays away', members: 1, isShort: false},
  {words: 'of three members one is killed and one is paused, and both stay away', members: 3, isShort: false},
  {words: 'etcd is killed and started again', members: 1, isShort: true},
  {
    words: 'etcd, which knows all by a password, is killed and started again',
    members: 1,
    isShort: true,
    byPassword: true,
  },
  {words: 'of three members one is killed and one is paused, and both come back soon', members: 3, isShort: true},
];

/**
 * Each step before it is done, and what changes something when it is done and nobody was told. An outage that is soon
 * over matters to the latter: the same is asked for again.
 */
function placesIn(steps: readonly string[], isShort: boolean): Place[] {
  return steps.flatMap((name, step): Place[] => {
    const isChange = !/^(reads|looks)/.test(name);
    return [
      ...(isShort ? [] : [{step, when: 'before'} as const]),
      ...(isChange ? [{step, when: 'after'} as const] : []),
    ];
  });
}

const directory = temporaryDirectory();
const operations = await operationsIn(directory);
after(() => fs.rmSync(directory, {recursive: true}));

for (const {words, members, isShort, byPassword} of OUTAGES) {
  const all = Object.entries(operations).map(([name, known]) => {
    const operation = byPassword ? {...known, steps: ['logs in', ...known.steps]} : known;
    return {name, operation, places: placesIn(operation.steps, isShort)};
  });
  // A short outage hits few places of each: all operations at once.
  for (const group of isShort ? [all] : all.map((one) => [one])) {
    describe(words, function () {
      this.timeout(600_000);
      let etcd: EtcdCluster;
      /** Of each operation one that nothing stops, and one for each place. */
      let wholes: StepCase[] = [];
      const cases: StepCase[][] = [];

      before(async () => {
        etcd = await EtcdCluster.start({members, names: HOSTS});
        const ground = {etcd, who: byPassword ? etcd.knowByPassword() : {}};
        wholes = await forAll(group, ({operation}) => StepCase.prepare(ground, NOWHERE, operation));
        for (const whole of wholes) {
          whole.start();
          await whole.ended();
        }
        for (const {places, operation} of group) {
          cases.push(await forAll(places, (place) => StepCase.prepare(ground, place, operation)));
        }
        await breakUnder(etcd, cases.flat(), {members, isShort});
      });
      after(async () => {
        await forAll([...wholes, ...cases.flat()], (one) => one.remove());
        wholes = [];
        cases.length = 0;
        await etcd.stop();
      });

      for (const [i, {name, places, operation}] of group.entries()) {
        const {steps, from, to, deks, hint} = operation;

        describe(`in a ${name}`, () => {
          it('takes these steps', () => {
            const whole = wholes[i]!;
            expect(whole.outcome).to.equal(undefined);
            expect(whole.steps).to.deep.equal(steps);
          });

          for (const [j, {step, when}] of places.entries()) {
            it(`${when} step ${step + 1}: ${steps[step]}`, async () => {
              const one = cases[i]![j]!;
              expect(one.steps.slice(0, step + 1)).to.deep.equal(steps.slice(0, step + 1));
              const outcome = one.outcome as DekError | undefined;
              if (outcome) {
                expect(outcome.message).to.match(AWAY);
                expect(outcome.hint).to.match(hint);
                expect(outcome.exitStatus).to.equal(1);
                for (const held of one.heldBetween) expect([from, to]).to.include(held);
              } else if (!isShort) expect(one.steps.at(-1)).to.equal('gives its lease back');
              expect(one.outcomeAgain).to.equal(undefined);
              await one.untilAllHold(to);
              for (const [host, count] of deks.entries()) expect(one.linesOf(host)).to.equal(1 + count);
              expect(one.wrongs).to.deep.equal([]);
              expect(await one.keyCounts()).to.deep.equal(await wholes[i]!.keyCounts());
            });
          }
        });
      }
    });
  }
}

/** Begins all of them, breaks the store when each is in its step, mends it, and has those begin again that failed. */
async function breakUnder(
  etcd: EtcdCluster,
  cases: readonly StepCase[],
  {members, isShort}: Pick<Outage, 'members' | 'isShort'>,
): Promise<void> {
  for (const one of cases) one.start();
  await until(
    () => cases.every(({isStopped}) => isStopped),
    () => `stopped: ${cases.filter((one) => !one.isStopped).map(({place}) => JSON.stringify(place))}`,
  );
  const killed = members === 1 ? 0 : etcd.leader();
  const paused = (killed + 1) % members;
  await etcd.signal(killed, 'SIGKILL');
  if (members > 1) await etcd.signal(paused, 'SIGSTOP');
  for (const one of cases) await one.lose(killed);
  const ended = Promise.all(cases.map((one) => one.ended()));
  await (isShort ? pause(SHORT_MS) : ended);
  if (members > 1) await etcd.signal(paused, 'SIGCONT');
  await etcd.run(killed);
  for (const one of cases) await one.regain(killed);
  await ended;
  await Promise.all(cases.map((one) => one.again()));
}
