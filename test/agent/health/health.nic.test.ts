import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {expect} from 'chai';
import type {ManifestDek} from '../../../src/manifest/index.js';
import {allReady, logged, untilHealed, untilLogged} from '../../support/agent/agent-log.js';
import {AgentProcess, live} from '../../support/agent/agent-process.js';
import {fleetPath, opaqueOf, writeFleet} from '../../support/manifest/fleet-file.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {until} from '../../support/until.js';

const COUNT = 5;
/** One context with `COUNT` DEKs of a manifest. */
const WHOLE = {contexts: 1, pds: 1, logins: 1, deks: COUNT};

describe('health', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  beforeEach(async () => {
    device = await testDevice();
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

  const login = async (): Promise<unknown> => (await agent.client.status()).devices[0]?.login;

  it('logs in anew when the import KEK was revoked and loaded again', async () => {
    device.nic.set({revokeKeks: [device.kekId]});
    await untilLogged(agent, 'login-failed');
    device.nic.set({keks: [{id: device.kekId, secret: device.kek}]});
    await allReady(agent);
    expect(await untilLogged(agent, 'heal')).to.include({device: 'mlx5_0', login: true});
    expect(live(device)).to.deep.equal(WHOLE);
  });

  it('logs in anew when the credential was revoked and loaded again', async () => {
    device.nic.set({revokeCredentials: [device.credentialId]});
    await untilLogged(agent, 'login-failed');
    device.nic.set({credentials: [{id: device.credentialId, secret: device.credential}]});
    await allReady(agent);
    expect((await agent.client.status()).heals).to.equal(1);
  });

  it('does not log in again after a logout', async () => {
    await agent.client.logout();
    device.nic.set({dekErrors: [{which: 'all'}]});
    const before = device.nic.show().total.commands;
    await until(() => device.nic.show().total.commands > before + 2 * COUNT, 'a check');
    expect(await login()).to.equal(null);
  });

  describe('after a rewrap', () => {
    const kek = randomBytes(32);
    const credential = randomBytes(40);
    const [kekId, credentialId] = [0x777, 0x778];

    /** The officer's part: the new KEK and credential are on the NIC, and the old ones are not. */
    function replaceKeys(): void {
      device.nic.set({keks: [{id: kekId, secret: kek}], credentials: [{id: credentialId, secret: credential}]});
      device.nic.set({revokeKeks: [device.kekId], revokeCredentials: [device.credentialId]});
    }

    it('logs in by the manifest on disk, and makes a DEK in ERROR from it', async () => {
      await writeFleet(device, {count: COUNT, kek, kekId, credential, credentialId});
      replaceKeys();
      await allReady(agent);
      expect(await login()).to.deep.equal({state: 'VALID', credentialId, importKekId: kekId});
      device.nic.set({dekErrors: [{which: {opaque: opaqueOf(3)}}]});
      expect(await untilLogged(agent, 'heal', ({deks}) => deks === 1)).to.deep.include({names: ['vol-3']});
      await allReady(agent);
      expect(live(device)).to.deep.equal(WHOLE);
    });

    it('makes a DEK in ERROR from it while the old login is VALID', async () => {
      device.nic.set({keks: [{id: kekId, secret: kek}], credentials: [{id: credentialId, secret: credential}]});
      await writeFleet(device, {count: COUNT, kek, kekId, credential, credentialId});
      device.nic.set({dekErrors: [{which: {opaque: opaqueOf(3)}}]});
      expect(await untilLogged(agent, 'heal', ({deks}) => deks === 1)).to.deep.include({names: ['vol-3']});
      await allReady(agent);
      expect(await login()).to.deep.equal({state: 'VALID', credentialId, importKekId: kekId});
      expect(live(device)).to.deep.equal(WHOLE);
    });

    it('keeps the old login, and what is whole, when the NIC refuses the one on disk', async () => {
      await writeFleet(device, {count: COUNT, kek, kekId, credential, credentialId});
      device.nic.set({dekErrors: [{which: {opaque: opaqueOf(3)}}]});
      expect(await untilLogged(agent, 'heal-failed')).to.deep.include({names: ['vol-3']});
      expect((await agent.client.status()).deks).to.include({total: COUNT, ready: COUNT - 1});
      expect(await login()).to.deep.equal({
        state: 'VALID',
        credentialId: device.credentialId,
        importKekId: device.kekId,
      });
    });

    it('makes no DEK of another shape than before', async () => {
      const change = (dek: ManifestDek): ManifestDek => ({...dek, opaque: Buffer.from('other')});
      await writeFleet(device, {count: COUNT, kek, kekId, credential, credentialId, change});
      replaceKeys();
      await allReady(agent);
      device.nic.set({dekErrors: [{which: 'all'}]});
      const {error} = await untilLogged(agent, 'heal-failed');
      expect(error).to.include('names another key now');
      await until(async () => (await agent.client.status()).deks.ready === 0, 'none is READY');
    });
  });

  it('falls back to the last login when the NIC refuses the one on disk', async () => {
    await writeFleet(device, {count: COUNT, wrappedCredential: randomBytes(48)});
    device.nic.set({revokeKeks: [device.kekId]});
    device.nic.set({keks: [{id: device.kekId, secret: device.kek}]});
    await untilLogged(agent, 'heal', (event) => event['login'] === true);
    expect(logged(agent, 'login-failed')[0]?.['error']).to.include('refused the credential');
    await allReady(agent);
  });

  it('makes all DEKs in ERROR again, and one by one', async () => {
    device.nic.set({dekErrors: [{which: 'all'}]});
    for (const event of await untilHealed(agent, COUNT)) expect(event).to.include({level: 'warn'});
    await allReady(agent);
    device.nic.set({dekErrors: []});
    device.nic.set({dekErrors: [{which: {opaque: opaqueOf(2)}}]});
    expect((await untilHealed(agent, COUNT + 1)).at(-1)).to.deep.include({deks: 1, names: ['vol-2']});
    await allReady(agent);
    expect((await agent.client.status()).heals).to.equal(COUNT + 1);
    expect(live(device)).to.deep.equal(WHOLE);
  });

  it('tells of a DEK that it makes again while it is asked for', async () => {
    device.nic.set({latencyUs: 20_000}); // between the end of the one and the next there is time to ask
    for (let heals = 1; heals <= 3; heals++) {
      device.nic.set({dekErrors: [{which: {opaque: opaqueOf(3)}}]});
      await until(async () => {
        expect((await agent.client.queryDek('vol-3')).state).to.be.oneOf(['READY', 'ERROR', 'UNKNOWN']);
        return (await agent.client.status()).heals >= heals;
      });
      device.nic.set({dekErrors: []});
    }
  });

  it('makes one of `dek create` again from the wrapped key that it keeps', async () => {
    await agent.create('extra', 9);
    fs.rmSync(fleetPath(device));
    device.nic.set({dekErrors: [{which: {opaque: new Uint8Array(8)}}]});
    expect(await untilLogged(agent, 'heal')).to.deep.include({deks: 1, names: ['extra']});
    await allReady(agent);
    expect(live(device).deks).to.equal(COUNT + 1);
  });

  it('does not put another key in the place of a DEK: an edited manifest is to be applied', async () => {
    await writeFleet(device, {count: COUNT, seed: 2});
    device.nic.set({dekErrors: [{which: {opaque: opaqueOf(1)}}]});
    const failed = await untilLogged(agent, 'heal-failed');
    expect(failed).to.deep.include({level: 'error', deks: 1, names: ['vol-1']});
    expect(failed['error']).to.include('dek apply --reload');
    expect((await agent.client.status()).deks).to.include({total: COUNT, ready: COUNT - 1});
    await agent.client.apply({path: undefined, kek: undefined, dryRun: false, keepGoing: false});
    await allReady(agent);
    expect(live(device)).to.deep.equal(WHOLE);
  });

  it('says so when the manifest does not name a DEK any more', async () => {
    await writeFleet(device, {count: COUNT - 1});
    device.nic.set({dekErrors: [{which: 'all'}]});
    const failed = await untilLogged(agent, 'heal-failed');
    expect(failed).to.deep.include({names: ['vol-4'], error: 'the manifest does not name it any more'});
    await untilHealed(agent, COUNT - 1);
  });

  it('serves on while the manifest is missing, and heals when it is back', async () => {
    fs.renameSync(fleetPath(device), `${fleetPath(device)}.away`);
    device.nic.set({dekErrors: [{which: 'all'}]});
    const {error} = await untilLogged(agent, 'heal-failed');
    expect(error).to.include('no such file');
    expect((await agent.client.status()).deks.total).to.equal(COUNT);
    await agent.create('extra', 9);
    fs.renameSync(`${fleetPath(device)}.away`, fleetPath(device));
    await allReady(agent);
    expect(live(device).deks).to.equal(COUNT + 1);
  });

  it('destroys what it replaced when the NIC lets go of it, at last', async () => {
    device.nic.set({faults: [{command: 'destroy', object: 'dek', status: 0x06, times: 'always'}]});
    device.nic.set({dekErrors: [{which: 'all'}]});
    expect((await untilLogged(agent, 'destroy-failed'))['deks']).to.be.within(1, COUNT);
    await allReady(agent);
    expect(live(device).deks).to.equal(2 * COUNT);
    device.nic.set({faults: []});
    await until(() => live(device).deks === COUNT, 'the old ones are gone');
    expect((await agent.client.status()).deks.ready).to.equal(COUNT);
  });
});
