import {expect} from 'chai';
import {AgentProcess, live, NOTHING} from '../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {provable} from '../support/nic/provable.js';
import {thrownBy} from '../support/process/errors-thrown.js';

function dataPathOf(device: TestDevice): {cqs: number; qps: number; mrs: number; mkeys: number} {
  const {cqs, qps, mrs, mkeys} = device.nic.show().live;
  return {cqs, qps, mrs, mkeys};
}

const NO_DATA_PATH = {cqs: 0, qps: 0, mrs: 0, mkeys: 0};

describe('an agent that proves', () => {
  let device: TestDevice;
  let agent: AgentProcess;
  beforeEach(async () => {
    device = await testDevice();
    agent = await AgentProcess.start(device, {args: ['--check-interval', '1'], fastClock: true});
    await agent.login();
  });
  afterEach(async () => {
    await agent.end();
    device.remove();
  });

  it('leaves nothing of it on the NIC, and says in an event what came of it', async () => {
    for (const seed of [1, 2, 3]) await agent.client.createDek({name: `vol-${seed}`, ...provable(device, seed)});
    await agent.client.createDek({name: 'wrong', ...provable(device, 4), dcv: provable(device, 5).dcv});
    const proofs = await agent.client.proveDeks({all: true});
    expect(proofs.map(({name, verdict}) => [name, verdict])).to.deep.equal([
      ['vol-1', 'ok'],
      ['vol-2', 'ok'],
      ['vol-3', 'ok'],
      ['wrong', 'wrong-key'],
    ]);
    expect(dataPathOf(device)).to.deep.equal(NO_DATA_PATH);
    const event = agent.log.split('\n').find((line) => line.includes('"event":"prove"'));
    expect(JSON.parse(event!)).to.include({level: 'info', deks: 4, ok: 3, wrong: 1, notProvable: 0});
  });

  it('proves a DEK that was healed as it did before', async () => {
    await agent.client.createDek({name: 'vol-1', ...provable(device, 1)});
    device.nic.set({dekErrors: [{which: 'all'}]});
    await agent.client.queryDek('vol-1');
    const [broken] = await agent.client.proveDeks({all: true});
    expect(broken!.verdict).to.equal('not-provable');
    device.nic.set({dekErrors: []});
    for (let i = 0; (await agent.client.status()).heals === 0; i++) {
      expect(i, 'heals').to.be.below(300);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(await agent.client.proveDeks({all: true})).to.deep.equal([{name: 'vol-1', device: 'mlx5_0', verdict: 'ok'}]);
  });

  it('answers other questions, changes its DEKs and stops meanwhile', async () => {
    for (let seed = 1; seed < 60; seed++) {
      await agent.client.createDek({name: `vol-${seed}`, ...provable(device, seed)});
    }
    const proving = Array.from({length: 4}, () => agent.client.proveDeks({all: true}));
    expect(await agent.client.destroyDeks({names: ['vol-7']})).to.deep.equal(['vol-7']);
    for (const proofs of await Promise.all(proving)) {
      const wrong = proofs.filter(({name, verdict}) => verdict !== 'ok' && name !== 'vol-7');
      expect(wrong).to.deep.equal([]);
    }
    const unanswered = agent.client.proveDeks({all: true}).catch((error: {code: string}) => error.code);
    await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await agent.end()).to.equal(0);
    await unanswered;
    expect(live(device)).to.deep.equal(NOTHING);
    expect(dataPathOf(device)).to.deep.equal(NO_DATA_PATH);
  });

  it('refuses names that it does not know before it begins', async () => {
    await agent.client.createDek({name: 'vol-1', ...provable(device, 1)});
    const error = await thrownBy(() => agent.client.proveDeks({names: ['vol-1', 'vol-2']}));
    expect(error.code).to.equal('NO_DEK');
  });
});
