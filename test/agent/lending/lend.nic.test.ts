/** Services that lend a context: DEKs are made there, healed there, taken over, and left there. */
import {expect} from 'chai';
import {logged} from '../../support/agent/agent-log.js';
import {apply, vols, writeManifestFile} from '../../support/agent/agent-manifests.js';
import {AgentProcess, live, NOTHING} from '../../support/agent/agent-process.js';
import {refusal, Service} from '../../support/agent/service.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {until} from '../../support/until.js';

describe('lend', () => {
  let device: TestDevice;
  let agent: AgentProcess;
  let services: Service[];

  const start = (...args: string[]): Promise<AgentProcess> =>
    AgentProcess.start(device, {
      args: ['--lend', '--manifest', `${device.directory}/manifest`, '--check-interval', '1', ...args],
      fastClock: true,
    });
  const service = (): Service => {
    const one = new Service(device);
    services.push(one);
    return one;
  };
  const ids = (deks: readonly {objectId: number}[]): number[] => deks.map(({objectId}) => objectId);

  beforeEach(async () => {
    services = [];
    device = await testDevice();
    writeManifestFile(device, vols(1, 5));
    agent = await start();
  });
  afterEach(async () => {
    for (const one of services) await one.end();
    await agent.end();
    expect(live(device)).to.deep.equal(NOTHING);
    device.remove();
  });

  it('is READY with a valid login and no DEK', async () => {
    const {deks, devices, lends} = await agent.client.status();
    expect(live(device)).to.deep.equal({contexts: 1, pds: 0, logins: 1, deks: 0});
    expect({total: deks.total, login: devices[0]!.login?.state, lends}).to.deep.equal({
      total: 0,
      login: 'VALID',
      lends: true,
    });
  });

  it('has no DEKs of its own to be asked for, changed or proven, and says where they are', async () => {
    const asked: (() => Promise<unknown>)[] = [
      () => agent.client.listDeks(),
      () => agent.client.queryDek('vol-1'),
      () => agent.client.createDek({name: 'vol-9', opaque: new Uint8Array(), wrapped: new Uint8Array(40)}),
      () => agent.client.destroyDeks({all: true}),
      () => agent.client.proveDeks({all: true}),
      () => agent.client.logout(),
    ];
    for (const ask of asked) expect(await refusal(ask())).to.include('(--lend)');
    expect((await agent.client.status()).devices[0]!.login?.state).to.equal('VALID');
  });

  it('makes the DEKs in the context of the service, which finds them READY', async () => {
    const one = service();
    const deks = await one.lend(agent.socket);
    expect(deks.map(({name}) => name)).to.deep.equal(vols(1, 5).map(({name}) => name));
    expect(await one.states()).to.deep.equal(Object.fromEntries(deks.map(({name}) => [name, 'READY'])));
    expect(live(device)).to.deep.equal({contexts: 2, pds: 1, logins: 2, deks: 5});
    const {contexts, deks: all} = await agent.client.status();
    expect(contexts).to.have.length(1);
    expect(contexts[0]).to.include({device: 'mlx5_0', kind: 'lent', old: 0});
    expect(all).to.include({total: 5, ready: 5});
  });

  it('makes what is asked for: names and GLOBs', async () => {
    const one = service();
    expect((await one.lend(agent.socket, ['vol-2', 'vol-[5]'.replace('[5]', '?')])).length).to.equal(5);
    const two = service();
    expect((await two.lend(agent.socket, ['vol-2', '*-4'])).map(({name}) => name)).to.deep.equal(['vol-2', 'vol-4']);
    const three = service();
    expect(await refusal(three.lend(agent.socket, ['vol-2', 'vol-9']))).to.include('vol-9');
    await until(() => live(device).deks === 7);
  });

  it('leaves the DEKs to the service when the agent is killed, and the next agent takes them over', async () => {
    const one = service();
    const before = await one.lend(agent.socket);
    await agent.end('SIGKILL');
    expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 5});
    agent = await start();
    const after = await one.lend(agent.socket);
    expect(after).to.deep.equal(before);
    expect(await one.states()).to.deep.equal(Object.fromEntries(before.map(({name}) => [name, 'READY'])));
    expect(live(device)).to.deep.equal({contexts: 2, pds: 1, logins: 2, deks: 5});
    await until(() => logged(agent, 'lend').length === 1);
    expect(logged(agent, 'lend')[0]).to.include({deks: 5, takenOver: 5});
  });

  it('makes anew what the next manifest has another key for, and leaves the old until it is released', async () => {
    const one = service();
    const before = await one.lend(agent.socket);
    await agent.end('SIGKILL');
    writeManifestFile(device, [...vols(1, 3), ...vols(4, 4, 2)]);
    agent = await start();
    const after = await one.lend(agent.socket);
    expect(ids(after).slice(0, 3)).to.deep.equal(ids(before).slice(0, 3));
    expect(after).to.have.length(4);
    expect(after[3]!.objectId).to.not.equal(before[3]!.objectId);
    expect([...(await one.old())].sort()).to.deep.equal(ids(before).slice(3).sort());
    expect(live(device).deks).to.equal(6);
    await one.release();
    await until(() => live(device).deks === 4);
  });

  it('heals a DEK in ERROR under a new id, and keeps the old one until it is released', async () => {
    const one = service();
    const [first] = await one.lend(agent.socket);
    device.nic.set({dekErrors: [{which: {id: first!.objectId}}]});
    const event = await one.next();
    expect(event).to.deep.include({type: 'change', names: ['vol-1'], old: [first!.objectId]});
    expect((await one.states())['vol-1']).to.equal('READY');
    expect(live(device).deks).to.equal(6);
    expect((await agent.client.status()).contexts[0]!.old).to.equal(1);
    await one.release();
    await until(() => live(device).deks === 5);
    expect((await agent.client.status()).contexts[0]!.old).to.equal(0);
  });

  it('destroys a replaced DEK that is not released within the time that the agent was given, and says so', async () => {
    await agent.end();
    agent = await start('--release-within', '1');
    const one = service();
    const [first] = await one.lend(agent.socket);
    device.nic.set({dekErrors: [{which: {id: first!.objectId}}]});
    await one.next();
    expect(await one.next()).to.deep.equal({type: 'expired', ids: [first!.objectId]});
    await until(() => live(device).deks === 5);
    expect(logged(agent, 'old-expired')[0]).to.include({device: 'mlx5_0', deks: 1});
  });

  it('takes a new manifest to every service', async () => {
    const [one, two] = [service(), service()];
    await one.lend(agent.socket);
    await two.lend(agent.socket, ['vol-1']);
    writeManifestFile(device, [...vols(1, 1, 2), ...vols(2, 6)]);
    const {plan} = await apply(agent, undefined);
    expect(plan).to.deep.equal({create: 1, replace: 2, rewrapped: 0, destroy: 0, unchanged: 4});
    expect(await one.next()).to.deep.include({type: 'change', names: ['vol-1', 'vol-6']});
    expect(await two.next()).to.deep.include({type: 'change', names: ['vol-1']});
    expect(Object.values(await one.states())).to.deep.equal(new Array(6).fill('READY'));
  });

  it('takes a new manifest to those that stay, while another goes', async () => {
    const [going, staying] = [service(), service()];
    await going.lend(agent.socket, ['vol-1']);
    await staying.lend(agent.socket, ['vol-1']);
    writeManifestFile(device, [...vols(1, 1, 2), ...vols(2, 5)]);
    await Promise.all([apply(agent, undefined), going.end()]);
    expect(logged(agent, 'apply-failed')).to.deep.equal([]);
    expect(await staying.next()).to.deep.include({type: 'change', names: ['vol-1']});
  });

  it('destroys all on a detach that asks for it, and leaves all on one that does not', async () => {
    const [one, two] = [service(), service()];
    await one.lend(agent.socket);
    await one.detach({destroys: true});
    expect(live(device)).to.include({contexts: 2, deks: 0, logins: 1});
    await two.lend(agent.socket);
    await two.detach();
    expect(live(device)).to.include({contexts: 3, deks: 5, logins: 2});
  });

  it('says goodbye and leaves the DEKs when it is stopped', async () => {
    const one = service();
    await one.lend(agent.socket);
    expect(await agent.end()).to.equal(0);
    expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 5});
    expect(await one.states()).to.include({'vol-1': 'READY'});
    agent = await start();
  });

  it('tells the service that its context is gone with the NIC', async () => {
    const one = service();
    await one.lend(agent.socket);
    device.nic.set({gone: true});
    expect(await one.next()).to.deep.include({type: 'gone', next: false});
    expect(await one.next()).to.equal(undefined);
    device.nic.set({gone: false});
  });

  it('takes no lender before the manifest is applied, nor for what it is not for', async () => {
    const one = service();
    const other = await testDevice();
    const stranger = new Service(other);
    services.push(stranger);
    expect(await refusal(stranger.lend(agent.socket))).to.include('no context of a NIC');
    other.remove();
    await one.lend(agent.socket);
  });
});
