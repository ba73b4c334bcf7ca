/**
 * Agent and service are killed at any moment of lend, attach, change and detach: what is on the NIC then is what it
 * should be, and the next one works. SLOW=1: 300 rounds.
 */
import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import {vols, writeManifestFile} from '../../support/agent/agent-manifests.js';
import {AgentProcess, live, NOTHING} from '../../support/agent/agent-process.js';
import {Service} from '../../support/agent/service.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {until} from '../../support/until.js';

const ROUNDS = process.env['SLOW'] ? 300 : 4;
const DEKS = 6;

describe('kills while a context is shared', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  beforeEach(async () => {
    device = await testDevice();
    writeManifestFile(device, vols(1, DEKS));
  });
  afterEach(async () => {
    await agent.end();
    device.remove();
  });

  const start = (lends: boolean): Promise<AgentProcess> => {
    const args = ['--manifest', `${device.directory}/manifest`, ...(lends ? ['--lend'] : [])];
    return AgentProcess.start(device, {args: [...args, '--check-interval', '1'], fastClock: true});
  };
  const dataPath = (): Record<string, number> => {
    const {cqs, qps, mrs, mkeys} = device.nic.show().live;
    return {cqs, qps, mrs, mkeys};
  };
  /** Waits until the agent has told of all DEKs that were made, and the next one, a second after the last, is far. */
  const untilTold = async (): Promise<void> => {
    let [made, since] = [live(device).deks, performance.now()];
    const isNext = (): boolean => live(device).deks !== made;
    const passed = (): number => performance.now() - since;
    for (;;) {
      await until(() => {
        if (isNext()) [made, since] = [live(device).deks, performance.now()];
        return passed() > 400;
      });
      // When it has answered three times, it has told of these.
      for (let turn = 0; turn < 3; turn++) await agent.client.listDeks().catch(() => {});
      if (!isNext() && passed() < 600) return;
      await until(isNext);
    }
  };
  const NO_PATH = {cqs: 0, qps: 0, mrs: 0, mkeys: 0};
  const moment = (): Promise<void> => pause(Math.random() * 30);

  it('of a lender: its DEKs go with it, and the agent serves the next', async function () {
    this.timeout(300_000 + ROUNDS * 20_000);
    agent = await start(true);
    for (let round = 0; round < ROUNDS; round++) {
      const service = new Service(device);
      const lending = service.lend(agent.socket).catch(() => {});
      if (round % 2 === 0) await lending;
      if (round % 4 === 0) device.nic.set({dekErrors: [{which: 'all'}]});
      await moment();
      await service.end('SIGKILL');
      await lending;
      device.nic.set({dekErrors: []});
      await until(
        () => live(device).contexts === 1 && live(device).deks === 0,
        () => JSON.stringify(live(device)),
      );
      expect((await agent.client.status()).contexts).to.deep.equal([]);
    }
    expect(live(device)).to.deep.equal({...NOTHING, contexts: 1, logins: 1});
  });

  it('of a tenant: what it left goes, the DEKs stay, and the next may attach', async function () {
    this.timeout(300_000 + ROUNDS * 20_000);
    agent = await start(false);
    for (let round = 0; round < ROUNDS; round++) {
      const service = new Service(device);
      const attaching = service.attach(agent.socket).then(() => service.makeQueues());
      attaching.catch(() => {});
      if (round % 2 === 0) await attaching;
      await moment();
      await service.end('SIGKILL');
      const next = new Service(device);
      let refused = '';
      const isThere = (): Promise<boolean> =>
        next.attach(agent.socket).then(
          (deks) => deks.length === DEKS,
          (error: Error) => {
            refused = error.message;
            return false;
          },
        );
      await until(isThere, () => `round ${round}: ${refused}; ${agent.log.slice(-1500)}`);
      await next.end('SIGKILL');
      await until(() => live(device).deks === DEKS && dataPath()['qps'] === 0);
      expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: DEKS});
      expect(dataPath()).to.deep.equal(NO_PATH);
    }
  });

  it('of the agent: a lender keeps its DEKs, and the next agent takes them over, each once', async function () {
    this.timeout(300_000 + ROUNDS * 30_000);
    const service = new Service(device);
    let lending: Promise<unknown> = Promise.resolve();
    for (let round = 0; round < ROUNDS; round++) {
      agent = await start(true);
      await lending; // of the round before: goes on with this agent, if the one before had begun
      lending = service.lend(agent.socket).catch(() => {});
      if (round % 3 > 0) await lending;
      else await moment();
      await moment();
      await agent.end('SIGKILL');
    }
    agent = await start(true);
    await lending;
    expect(await service.lend(agent.socket)).to.have.length(DEKS);
    expect(live(device).logins).to.equal(2); // the service's, and the agent's own that tries the credential
    expect(Object.values(await service.states())).to.deep.equal(new Array(DEKS).fill('READY'));
    await service.release();
    await service.end('SIGKILL');
    await until(() => live(device).deks === 0);
  });

  it('of the agent in the middle of a first lend: the next one goes on, and nothing is there twice', async () => {
    const deks = 200; // more than are made before a busy machine comes to the kill
    writeManifestFile(device, vols(1, deks));
    // Without checks meanwhile: each asks for the login on the agent's thread, and stands behind the creates.
    const lender = ['--manifest', `${device.directory}/manifest`, '--lend'];
    agent = await AgentProcess.start(device, {args: lender});
    await agent.client.listDeks().catch(() => {}); // refused, without the NIC; what answers is loaded now
    device.nic.set({latencyUs: 20_000, parallel: 1});
    const service = new Service(device);
    const lending = service.lend(agent.socket);
    lending.catch(() => {});
    await until(() => live(device).deks >= 15); // the first ones are made in one turn of the agent's event loop
    device.nic.set({latencyUs: 1_000_000}); // of the commands that begin now: 16 have begun, and end within 320 ms
    await untilTold();
    await agent.end('SIGKILL');
    expect(live(device).deks).to.be.within(15, deks - 1);
    device.nic.set({latencyUs: 0});
    agent = await AgentProcess.start(device, {args: lender});
    expect(await lending).to.have.length(deks);
    expect(live(device)).to.include({deks, logins: 2, contexts: 2});
    expect(Object.values(await service.states())).to.deep.equal(new Array(deks).fill('READY'));
    await service.end('SIGKILL');
  });
});
