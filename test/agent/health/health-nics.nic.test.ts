import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import {allReady, logged, untilHealed, untilLogged} from '../../support/agent/agent-log.js';
import {AgentProcess, live, NOTHING} from '../../support/agent/agent-process.js';
import {opaqueOf, writeFleet} from '../../support/manifest/fleet-file.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {describeHits, needlesOf, searchMemory} from '../../support/process/memory.js';
import {until} from '../../support/until.js';

describe('health of NICs', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  afterEach(async () => {
    await agent.end();
    device.remove();
  });

  async function start(
    count: number,
    options: Parameters<typeof testDevice>[0] = {},
    args: (nic: TestDevice['nic']) => string[] = () => [],
  ) {
    device = await testDevice(options);
    const manifest = await writeFleet(device, {count});
    agent = await AgentProcess.start(device, {
      fastClock: true,
      args: ['--check-interval', '1', '--manifest', manifest, ...args(device.nic)],
    });
  }

  it('makes 500 DEKs again when their NIC is back', async () => {
    await start(500);
    device.nic.set({gone: true});
    await untilLogged(agent, 'device-gone');
    expect((await agent.client.status()).devices[0]?.gone).to.equal(true);
    await pause(1500);
    device.nic.set({gone: false});
    expect(await untilLogged(agent, 'device-back')).to.include({missingDeks: 500});
    await allReady(agent);
    expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 500});
    expect((await agent.client.status()).heals).to.equal(501);
    expect(logged(agent, 'device-gone')).to.have.length(1);
  });

  it('heals one of two while the other is gone', async () => {
    await start(20, {devices: 2});
    device.nic.set({gone: true}, 'mlx5_0');
    await untilLogged(agent, 'device-gone');
    device.nic.set({dekErrors: [{which: 'all'}]}, 'mlx5_1');
    await untilHealed(agent, 20, 'mlx5_1');
    expect((await agent.client.listDeks())[0]).to.deep.include({
      state: 'UNKNOWN',
      devices: {mlx5_0: 'UNKNOWN', mlx5_1: 'READY'},
    });
    device.nic.set({gone: false}, 'mlx5_0');
    await allReady(agent);
    for (const name of device.nic.devices) expect(device.nic.show(name).live.deks).to.equal(20);
  });

  it('unwraps with the KEK source where keys are plaintext, and holds no KEK after', async () => {
    await start(20, {settings: {importMode: 'plaintext'}}, (nic) => ['--kek', `file:${nic.kekFile}`]);
    device.nic.set({dekErrors: [{which: 'all'}]});
    await untilHealed(agent, 20);
    await allReady(agent);
    expect(live(device).deks).to.equal(20);
    if (process.geteuid?.() !== 0) return; // reading the memory of a process that is not dumpable needs root
    process.kill(agent.child.pid!, 'SIGSTOP');
    try {
      const isNic = ({path}: {path: string}): boolean => path.endsWith('.nvram');
      const hits = searchMemory(agent.child.pid!, needlesOf('KEK', device.kek), {skip: isNic});
      expect(hits, describeHits(hits)).to.deep.equal([]);
    } finally {
      process.kill(agent.child.pid!, 'SIGCONT');
    }
  });

  it('answers while it checks 20,000 DEKs, and makes all of them again', async () => {
    await start(20_000);
    device.nic.set({dekErrors: [{which: 'all'}]});
    let slowest = 0;
    await until(async () => {
      const asked = performance.now();
      const {heals} = await agent.client.status();
      slowest = Math.max(slowest, performance.now() - asked);
      return heals === 20_000;
    }, 'all are healed');
    await allReady(agent);
    expect(slowest).to.be.lessThan(10_000); // all of it takes longer
    expect(live(device).deks).to.equal(20_000);
  });

  it('ends promptly while 20,000 DEKs are healed', async () => {
    await start(20_000);
    device.nic.set({dekErrors: [{which: {opaque: opaqueOf(19_999)}}], gone: true});
    await untilLogged(agent, 'device-gone');
    // Making them all at this pace takes 20 s; to destroy what is made takes as long as that did.
    device.nic.set({gone: false, latencyUs: 16_000});
    await untilLogged(agent, 'heal', ({deks}) => deks !== undefined);
    device.nic.set({latencyUs: 0});
    const asked = performance.now();
    expect(await agent.end()).to.equal(0);
    expect(performance.now() - asked).to.be.lessThan(10_000);
    expect(live(device)).to.deep.equal(NOTHING);
    expect(logged(agent, 'heal-failed')).to.deep.equal([]);
  });
});
