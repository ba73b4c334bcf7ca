/** PROVEN, the state beside READY: what leaves it, what takes it away, and an agent that uses nothing without it. */
import {expect} from 'chai';
import {AgentProcess, DEK, live, NOTHING} from '../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {provable} from '../support/nic/provable.js';
import {thrownBy} from '../support/process/errors-thrown.js';
import {until} from '../support/until.js';

function eventsOf({log}: AgentProcess, event: string): Record<string, unknown>[] {
  const lines = log.split('\n').filter((line) => line.includes(`"event":"${event}"`));
  return lines.map((line) => JSON.parse(line));
}

describe('PROVEN', () => {
  let device: TestDevice;
  let agent: AgentProcess;
  async function start(...args: string[]): Promise<void> {
    agent = await AgentProcess.start(device, {args: ['--check-interval', '1', ...args], fastClock: true});
    await agent.login();
  }
  const add = (name: string, seed: number, dcvOf = seed): Promise<unknown> =>
    agent.client.createDek({name, ...provable(device, seed), dcv: provable(device, dcvOf).dcv});
  const counts = async (): Promise<unknown> => {
    const {ready, proven, wrong} = (await agent.client.status()).deks;
    return {ready, proven, wrong};
  };
  beforeEach(async () => {
    device = await testDevice();
  });
  afterEach(async () => {
    await agent.end();
    expect(live(device)).to.deep.equal(NOTHING);
    device.remove();
  });

  describe('after dek prove', () => {
    beforeEach(() => start());

    it('is what a right DEK is; a wrong one makes the agent unready', async () => {
      await add('vol-1', 1);
      await add('wrong', 2, 3);
      expect(await counts()).to.deep.equal({ready: 2, proven: 0, wrong: 0});
      expect((await agent.client.queryDek('vol-1')).proof).to.equal(null);
      await agent.client.proveDeks({all: true});
      expect(await counts()).to.deep.equal({ready: 2, proven: 1, wrong: 1});
      const [right, wrong] = await agent.client.listDeks();
      expect(right!.proof).to.include({verdict: 'ok'});
      expect(Date.parse(right!.proof!.at)).to.be.closeTo(Date.now(), 3_600_000);
      expect(wrong!.proof).to.include({verdict: 'wrong-key'});
      expect(device.run(process.execPath, [DEK, 'status', '--socket', agent.socket]).status).to.equal(7);
      expect(eventsOf(agent, 'proof-failed')).to.have.length(1);
      expect(eventsOf(agent, 'proof-failed')[0]).to.deep.include({
        level: 'error',
        device: 'mlx5_0',
        verdict: 'wrong-key',
        deks: 1,
        names: ['wrong'],
      });
    });

    it('is lost when the DEK is made anew', async () => {
      await add('vol-1', 1);
      await agent.client.proveDeks({all: true});
      // It is not made anew before it was counted.
      device.nic.set({dekErrors: [{which: 'all'}], faults: [{command: 'create', object: 'dek', times: 'always'}]});
      await agent.client.queryDek('vol-1');
      expect(await counts()).to.deep.equal({ready: 0, proven: 0, wrong: 0});
      device.nic.set({dekErrors: [], faults: []});
      await until(async () => (await agent.client.status()).heals > 0);
      expect(await counts()).to.deep.equal({ready: 1, proven: 0, wrong: 0});
      expect((await agent.client.queryDek('vol-1')).proof).to.equal(null);
      await agent.client.proveDeks({all: true});
      expect(await counts()).to.deep.equal({ready: 1, proven: 1, wrong: 0});
    });
  });

  describe('in an agent that proves', () => {
    beforeEach(() => start('--prove'));

    it('is what each DEK is that was created, and no other is kept', async () => {
      await add('vol-1', 1);
      expect(await counts()).to.deep.equal({ready: 1, proven: 1, wrong: 0});
      expect((await agent.client.status()).proveShare).to.equal(1);
      const wrong = await thrownBy(() => add('vol-2', 2, 3));
      expect(wrong).to.include({
        code: 'PROOF_FAILED',
        message: 'vol-2: wrong: another key (mlx5_0); it was not created',
      });
      const {wrapped, opaque} = provable(device, 4);
      const unknown = await thrownBy(() => agent.client.createDek({name: 'vol-4', wrapped, opaque}));
      expect(unknown).to.include({code: 'NOT_PROVABLE'});
      expect(await counts()).to.deep.equal({ready: 1, proven: 1, wrong: 0});
      expect(live(device).deks).to.equal(1);
    });

    it('is what a healed DEK is before it counts as READY; one that is wrong then stays missing', async () => {
      await add('vol-1', 1);
      device.nic.set({tweak: 'reversed', dekErrors: [{which: 'all'}]});
      await until(() => eventsOf(agent, 'heal-failed').length > 0);
      expect(eventsOf(agent, 'heal-failed')[0]).to.deep.include({
        names: ['vol-1'],
        error: 'its proof: wrong: the tweak is taken in the other byte order',
      });
      expect(await counts()).to.deep.equal({ready: 0, proven: 0, wrong: 1});
      expect(live(device).deks).to.equal(0);
      expect((await agent.client.listDeks())[0]).to.deep.include({state: 'UNKNOWN'});
      device.nic.set({tweak: 'ieee-1619'});
      await until(async () => (await agent.client.status()).heals > 0);
      expect(await counts()).to.deep.equal({ready: 1, proven: 1, wrong: 0});
    });
  });

  it('is what a healed DEK is again in an agent that proves a sample', async () => {
    await start('--prove-share', '1%');
    await add('vol-1', 1);
    expect(await counts()).to.deep.equal({ready: 1, proven: 1, wrong: 0});
    device.nic.set({dekErrors: [{which: 'all'}]});
    await until(async () => (await agent.client.status()).heals > 0);
    expect(await counts()).to.deep.equal({ready: 1, proven: 1, wrong: 0});
  });
});
