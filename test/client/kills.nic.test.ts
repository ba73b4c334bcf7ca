/**
 * Agent and service are killed at random instants of lend, attach, change and detach: nothing stays on the NIC that was
 * not there before, nobody uses a dead object, and the next one works. 8 rounds a road, `SLOW=1` 300.
 */
import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import {type Counts, type Service, Stage} from './stage.js';

const ROUNDS = process.env['SLOW'] ? 300 : 8;
/** A service that nobody kills moves data for so long. */
const SECONDS = 1;
/** From before its lend or attach to after its detach. */
const LIFE_MS = 1400;

describe('SIGKILL at random', function () {
  this.timeout(300_000 + ROUNDS * 6000);

  for (const road of ['lend', 'attach'] as const) {
    it(`leaves nothing behind, by the road of ${road}, ${ROUNDS} times`, async () => {
      const stage = await Stage.open(road);
      try {
        const before = stage.counts();
        for (let round = 0; round < ROUNDS; round++) await playRound(stage, round, before);
        const last = stage.startService(SECONDS, 256);
        await assertWorked(stage, last, 'the last');
        expect(await stage.settle(before)).to.deep.equal(before);
      } finally {
        await stage.close();
      }
    });
  }
});

async function playRound(stage: Stage, round: number, before: Counts): Promise<void> {
  const victims = (['service', 'agent', 'both', 'none'] as const)[round % 4]!;
  const service = stage.startService(SECONDS, 256);
  const changes = pause(Math.random() * LIFE_MS)
    .then(() => stage.rotate())
    .catch(() => {}); // of an agent that is killed
  await pause(Math.random() * LIFE_MS);
  const title = `round ${round}, ${victims} killed`;
  if (victims === 'service' || victims === 'both') service.child.kill('SIGKILL');
  if (victims === 'agent' || victims === 'both') await stage.agent.end('SIGKILL');
  await changes;
  if (victims === 'agent' || victims === 'both') await stage.startAgent();
  if (victims === 'service' || victims === 'both') await service.ended;
  else await assertWorked(stage, service, title, victims === 'agent');
  expect(await stage.settle(before), `${title}\n${service.log}\n${stage.agent.log}`).to.deep.equal(before);
}

/**
 * It read what it wrote, no I/O failed, and OpenSSL agrees. A service that came while no agent was there may give up.
 */
async function assertWorked(stage: Stage, service: Service, title: string, mayGiveUp = false): Promise<void> {
  const status = await service.ended;
  if (mayGiveUp && !service.output.startsWith('ready')) return;
  const text = `${title}: ${service.log}\n${stage.agent.log}`;
  expect(status, text).to.equal(0);
  expect(service.report(), text).to.include({wrong: 0, failed: 0});
  expect(stage.compare(service), text).to.deep.equal({compared: service.report()['written'], differing: 0});
}
