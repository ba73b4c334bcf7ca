/** Changes of an agent with two NICs, of which the second refuses: what was there before is there again. */
import {expect} from 'chai';
import {STATUSES} from '../../src/virtual/faults.js';
import {allReady} from '../support/agent/agent-log.js';
import {AgentProcess} from '../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {thrownBy} from '../support/process/errors-thrown.js';

describe('agent of two NICs', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  beforeEach(async () => {
    device = await testDevice({devices: 2});
    agent = await AgentProcess.start(device, {
      args: ['--device', 'mlx5_0,mlx5_1', '--check-interval', '1'],
      fastClock: true,
    });
  });
  afterEach(async () => {
    await agent.end();
    device.remove();
  });

  async function logins(): Promise<(string | undefined)[]> {
    return (await agent.client.status()).devices.map(({login}) => login?.state);
  }
  const onEach = (what: 'logins' | 'deks'): number[] =>
    device.nic.devices.map((name) => device.nic.show(name).live[what]);

  it('is logged in to none when the second refuses', async () => {
    device.nic.set(
      {faults: [{command: 'create', object: 'login', status: STATUSES.no_res, times: 'always'}]},
      'mlx5_1',
    );
    expect((await thrownBy(() => agent.login())).code).to.equal('BUSY');
    expect(await logins()).to.deep.equal([undefined, undefined]);
    expect(onEach('logins')).to.deep.equal([0, 0]);
  });

  it('stays logged in to both when the second does not let it log out, and can log out later', async () => {
    await agent.login();
    device.nic.set({faults: [{command: 'destroy', object: 'login', status: STATUSES.bad_ix, times: 1}]}, 'mlx5_1');
    await thrownBy(() => agent.client.logout());
    expect(await logins()).to.deep.equal(['VALID', 'VALID']);
    await agent.client.logout();
    expect(await logins()).to.deep.equal([undefined, undefined]);
    expect(onEach('logins')).to.deep.equal([0, 0]);
    expect((await thrownBy(() => agent.client.logout())).code).to.equal('NO_LOGIN');
  });

  it('logs out also where only one NIC is logged in', async () => {
    await agent.login();
    device.nic.set({revokeKeks: [device.kekId], gone: true}, 'mlx5_0');
    device.nic.set({gone: false}, 'mlx5_0');
    await agent.client.logout();
    expect(await logins()).to.deep.equal([undefined, undefined]);
    expect(onEach('logins')).to.deep.equal([0, 0]);
  });

  it('holds a DEK on both when the second does not let go of it, and can destroy it later', async () => {
    await agent.login();
    await agent.create('vol-1');
    device.nic.set({faults: [{command: 'destroy', object: 'dek', status: STATUSES.bad_ix, times: 1}]}, 'mlx5_1');
    await thrownBy(() => agent.client.destroyDeks({names: ['vol-1']}));
    expect((await agent.client.status()).deks.total).to.equal(1);
    await allReady(agent);
    expect(onEach('deks')).to.deep.equal([1, 1]);
    expect(await agent.client.destroyDeks({names: ['vol-1']})).to.deep.equal(['vol-1']);
    expect(onEach('deks')).to.deep.equal([0, 0]);
  });
});
