import {expect} from 'chai';
import {type COMMANDS, type InjectedFault, type OBJECTS, STATUSES} from '../../../src/virtual/faults.js';
import {allReady} from '../../support/agent/agent-log.js';
import {AgentProcess} from '../../support/agent/agent-process.js';
import {writeFleet} from '../../support/manifest/fleet-file.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {until} from '../../support/until.js';

const COUNT = 4;
const FAULTS: Pick<InjectedFault, 'command' | 'object'>[] = [
  {command: 'caps'},
  ...(['create', 'query', 'destroy'] as const satisfies (keyof typeof COMMANDS)[]).flatMap((command) =>
    (['dek', 'login'] as const satisfies (keyof typeof OBJECTS)[]).map((object) => ({command, object})),
  ),
];

/** One agent has a NIC for each status that the firmware can fail with. */
describe('health under faults', () => {
  const statuses = Object.values(STATUSES);
  let device: TestDevice;
  let agent: AgentProcess;

  beforeEach(async () => {
    device = await testDevice({devices: statuses.length});
    const manifest = await writeFleet(device, {count: COUNT});
    agent = await AgentProcess.start(device, {
      args: ['--check-interval', '1', '--manifest', manifest],
      fastClock: true,
    });
  });
  afterEach(async () => {
    await agent.end();
    device.remove();
  });

  for (const fault of FAULTS) {
    const {command, object = 'NIC'} = fault;
    it(`goes on when every ${command} of a ${object} fails with any status, and heals when that is over`, async () => {
      for (const [i, status] of statuses.entries()) {
        device.nic.set({faults: [{...fault, status, times: 'always'}]}, `mlx5_${i}`);
      }
      // Of a NIC that works nobody asks what it can do.
      if (command === 'caps') device.nic.set({gone: true});
      device.nic.set({dekErrors: [{which: 'all'}], revokeKeks: [device.kekId]});
      await until(
        async () => (await agent.client.status()).devices.every(({gone, login}) => gone || login?.state !== 'VALID'),
        'the breach is noticed',
      );
      device.nic.set({gone: false, keks: [{id: device.kekId, secret: device.kek}]});
      const hits = (name: string): number => device.nic.show(name).faults[0]!.hits;
      await until(
        async () => {
          expect((await agent.client.status()).deks.total).to.equal(COUNT);
          return device.nic.devices.every((name) => hits(name) > 0);
        },
        () => `the faults are met: ${device.nic.devices.map(hits)}`,
      );
      device.nic.set({faults: []});
      await allReady(agent);
      await until(
        () =>
          device.nic.devices.every((name) => {
            const {contexts, logins, deks} = device.nic.show(name).live;
            return contexts === 1 && logins === 1 && deks === COUNT;
          }),
        'what was replaced is gone',
      );
    });
  }
});
