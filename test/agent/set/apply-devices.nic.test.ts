import {expect} from 'chai';
import {allReady, untilHealed} from '../../support/agent/agent-log.js';
import {apply, held, setOf, vols, writeManifestFile} from '../../support/agent/agent-manifests.js';
import {AgentProcess, NOTHING} from '../../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {thrownBy} from '../../support/process/errors-thrown.js';

describe('apply on two NICs', () => {
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
    device.nic.set({faults: []});
    const status = await agent.end();
    const left = device.nic.devices.map(liveOn);
    device.remove();
    expect(status, agent.log).to.equal(0);
    expect(left).to.deep.equal([NOTHING, NOTHING]);
  });

  function liveOn(name: string): typeof NOTHING {
    const {contexts, pds, logins, deks} = device.nic.show(name).live;
    return {contexts, pds, logins, deks};
  }

  const deksOnEach = (): number[] => device.nic.devices.map((name) => liveOn(name).deks);
  const loginsOnEach = (): number[] => device.nic.devices.map((name) => liveOn(name).logins);

  it('puts the set on both, with one plan', async () => {
    const {plan} = await apply(agent, writeManifestFile(device, vols(1, 300)));
    expect(plan).to.deep.equal({create: 300, replace: 0, rewrapped: 0, destroy: 0, unchanged: 0});
    expect(deksOnEach()).to.deep.equal([300, 300]);
    await apply(agent, writeManifestFile(device, vols(2, 5, 2)));
    expect(deksOnEach()).to.deep.equal([4, 4]);
    expect(await held(agent)).to.deep.equal(setOf(vols(2, 5, 2)));
  });

  it('undoes the first when the second refuses', async () => {
    await apply(agent, writeManifestFile(device, vols(1, 3)));
    device.nic.set({faults: [{command: 'create', object: 'dek', times: 'always'}]}, 'mlx5_1');
    const error = await thrownBy(() => apply(agent, writeManifestFile(device, vols(2, 400, 2))));
    expect(error.message).to.match(/^line 2: vol-2: .*mlx5_1.*EINVAL/);
    expect(deksOnEach()).to.deep.equal([3, 3]);
    expect(await held(agent)).to.deep.equal(setOf(vols(1, 3)));
  });

  it('undoes the login on the first when the second refuses it', async () => {
    device.nic.set({revokeCredentials: [device.credentialId]}, 'mlx5_1');
    const error = await thrownBy(() => apply(agent, writeManifestFile(device, vols(1, 3))));
    expect(error.message).to.include('cannot log in to mlx5_1');
    expect(loginsOnEach()).to.deep.equal([0, 0]);
  });

  it('keeps on none, with keepGoing, what one of them refuses', async () => {
    device.nic.set({faults: [{command: 'create', object: 'dek', times: 4}]}, 'mlx5_1');
    const {failed} = await apply(agent, writeManifestFile(device, vols(1, 300)), {keepGoing: true});
    // Each that is refused is asked for once more, to say why: soon or after others were.
    expect(failed.length).to.be.within(2, 4);
    for (const {device: on} of failed) expect(on).to.equal('mlx5_1');
    expect(deksOnEach()).to.deep.equal([300 - failed.length, 300 - failed.length]);
    expect(Object.keys(await held(agent))).to.not.include.members(failed.map(({name}) => name));
  });

  it('looks at the capacity of each', async () => {
    const small = await testDevice({devices: 2});
    small.nic.set({logMaxDeks: 3}, 'mlx5_1');
    const other = await AgentProcess.start(small, {args: ['--device', 'mlx5_0,mlx5_1']});
    try {
      const error = await thrownBy(() => apply(other, writeManifestFile(small, vols(1, 9))));
      expect(error).to.include({code: 'LIMIT'});
      expect(error.message).to.match(/^mlx5_1 holds at most 8 DEKs, and the manifest names 9$/);
      expect(small.nic.show('mlx5_0').total.deks).to.equal(0);
    } finally {
      await other.end();
      small.remove();
    }
  });

  it('tells the state on each in the list, and the worst of them', async () => {
    await apply(agent, writeManifestFile(device, vols(1, 2)));
    expect((await agent.client.listDeks())[0]).to.deep.include({
      name: 'vol-1',
      state: 'READY',
      devices: {mlx5_0: 'READY', mlx5_1: 'READY'},
    });
    device.nic.set({faults: [{command: 'query', object: 'dek', times: 'always'}]}, 'mlx5_1');
    expect((await agent.client.listDeks())[0]).to.deep.include({
      state: 'UNKNOWN',
      devices: {mlx5_0: 'READY', mlx5_1: 'UNKNOWN'},
    });
  });

  it('makes again what is in ERROR on one', async () => {
    const path = writeManifestFile(device, vols(1, 2));
    await apply(agent, path);
    device.nic.set({dekErrors: [{which: 'all'}]}, 'mlx5_1');
    // The health check may have been there first.
    const {plan} = await apply(agent, path);
    expect(plan.replace + plan.unchanged).to.equal(2);
    expect(await held(agent)).to.deep.equal(setOf(vols(1, 2)));
    expect(deksOnEach()).to.deep.equal([2, 2]);
  });

  it('takes a manifest for these NICs, in any order and by any name', async () => {
    const guid = device.nic.show('mlx5_0').nodeGuid;
    for (const devices of [
      ['mlx5_1', 'mlx5_0'],
      ['mlx5_1', guid],
    ]) {
      await apply(agent, writeManifestFile(device, vols(1, 2), {devices}));
    }
    expect(deksOnEach()).to.deep.equal([2, 2]);
  });

  for (const devices of [['mlx5_0'], ['mlx5_0', 'mlx5_1', 'mlx5_2'], ['mlx5_7']]) {
    it(`refuses a manifest for ${devices}`, async () => {
      const error = await thrownBy(() => apply(agent, writeManifestFile(device, vols(1, 2), {devices})));
      expect(error.code).to.equal('BAD_ARGUMENT');
      expect(error.message).to.include(`is for ${devices.join(', ')}, this agent holds mlx5_0, mlx5_1`);
      expect(loginsOnEach()).to.deep.equal([0, 0]);
    });
  }

  it('starts on the NICs that the manifest names', async () => {
    const path = writeManifestFile(device, vols(1, 4), {devices: ['mlx5_0', 'mlx5_1']});
    const other = await AgentProcess.start(device, {socket: `${agent.socket}2`, args: ['--manifest', path]});
    try {
      expect(deksOnEach()).to.deep.equal([4, 4]);
    } finally {
      await other.end();
    }
  });

  describe('of which one takes plaintext', () => {
    const kek = (): string => `file:${device.nic.kekFile}`;

    beforeEach(async () => {
      expect(await agent.end()).to.equal(0);
      device.nic.set({importMode: 'plaintext'}, 'mlx5_1');
      agent = await AgentProcess.start(device, {
        args: ['--device', 'mlx5_0,mlx5_1', '--check-interval', '1'],
        fastClock: true,
      });
    });

    it('unwraps for that one only', async () => {
      await apply(agent, writeManifestFile(device, vols(1, 30)), {kek: kek()});
      expect(deksOnEach()).to.deep.equal([30, 30]);
      expect(loginsOnEach()).to.deep.equal([1, 0]);
      expect(await held(agent)).to.deep.equal(setOf(vols(1, 30)));
    });

    it('heals both', async () => {
      await apply(agent, writeManifestFile(device, vols(1, 3)), {kek: kek()});
      for (const name of device.nic.devices) {
        device.nic.set({dekErrors: [{which: 'all'}]}, name);
        await untilHealed(agent, 3, name);
      }
      await allReady(agent);
    });

    it('needs the KEK', async () => {
      const error = await thrownBy(() => apply(agent, writeManifestFile(device, vols(1, 3))));
      expect(error.message).to.include('mlx5_1 takes plaintext DEKs');
    });
  });

  it('refuses a KEK that neither needs', async () => {
    const path = writeManifestFile(device, vols(1, 3));
    const error = await thrownBy(() => apply(agent, path, {kek: `file:${device.nic.kekFile}`}));
    expect(error).to.include({code: 'BAD_ARGUMENT'});
    expect(error.message).to.include('mlx5_0, mlx5_1 unwrap DEKs themselves');
  });
});
