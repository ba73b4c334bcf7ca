/** Services that attach to the agent's context: one at a time, and nothing of them is left behind. */
import {expect} from 'chai';
import {allReady, logged} from '../../support/agent/agent-log.js';
import {vols, writeManifestFile} from '../../support/agent/agent-manifests.js';
import {AgentProcess, live} from '../../support/agent/agent-process.js';
import {refusal, Service} from '../../support/agent/service.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {provable} from '../../support/nic/provable.js';
import {until} from '../../support/until.js';

describe('attach', () => {
  let device: TestDevice;
  let agent: AgentProcess;
  let services: Service[];

  const service = (): Service => {
    const one = new Service(device);
    services.push(one);
    return one;
  };
  const path = (): {cqs: number; qps: number; mrs: number; mkeys: number} => {
    const {cqs, qps, mrs, mkeys} = device.nic.show().live;
    return {cqs, qps, mrs, mkeys};
  };
  const NONE = {cqs: 0, qps: 0, mrs: 0, mkeys: 0};

  beforeEach(async () => {
    services = [];
    device = await testDevice();
    writeManifestFile(device, vols(1, 5));
    const args = ['--manifest', `${device.directory}/manifest`, '--check-interval', '1'];
    agent = await AgentProcess.start(device, {args, fastClock: true});
  });
  afterEach(async () => {
    for (const one of services) await one.end();
    await agent.end();
    device.remove();
  });

  it('hands out the context with its DEKs, without a new one', async () => {
    const one = service();
    const deks = await one.attach(agent.socket);
    expect(deks.map(({name}) => name)).to.deep.equal(vols(1, 5).map(({name}) => name));
    expect(Object.values(await one.states())).to.deep.equal(new Array(5).fill('READY'));
    expect(live(device)).to.include({contexts: 1, deks: 5});
    expect((await agent.client.status()).contexts[0]).to.include({kind: 'own', device: 'mlx5_0'});
  });

  it('tells of each DEK whether it is PROVEN, before and after the service came', async () => {
    const isProven = async (one: Service): Promise<boolean[]> =>
      [await one.dek('right'), await one.dek('wrong')].map(({proven}) => proven);
    await agent.client.createDek({name: 'right', ...provable(device, 1)});
    await agent.client.createDek({name: 'wrong', ...provable(device, 2), dcv: provable(device, 3).dcv});
    const [one, two] = [service(), service()];
    await one.attach(agent.socket);
    expect(await isProven(one)).to.deep.equal([false, false]);
    await agent.client.proveDeks({names: ['right', 'wrong']});
    expect(await one.next()).to.deep.equal({type: 'change', names: ['right'], old: []});
    expect(await isProven(one)).to.deep.equal([true, false]);
    await one.close();
    await one.detach();
    await two.attach(agent.socket);
    expect(await isProven(two)).to.deep.equal([true, false]);
    await two.end();
    await agent.client.createDek({name: 'late', ...provable(device, 4)});
    await agent.client.proveDeks({names: ['late']});
    const three = service();
    await three.attach(agent.socket);
    expect(await three.dek('late')).to.include({proven: true});
  });

  it('refuses a second tenant, and names the first', async () => {
    const [one, two] = [service(), service()];
    await one.attach(agent.socket);
    const {pid, uid} = (await agent.client.status()).contexts[0]!;
    const message = await refusal(two.attach(agent.socket));
    expect(message).to.include(`process ${pid} of user id ${uid}`);
    await one.close();
    await one.detach();
    expect(await two.attach(agent.socket)).to.have.length(5);
  });

  it('destroys what a tenant that was killed has left, before the next comes', async () => {
    const [one, two] = [service(), service()];
    await one.attach(agent.socket);
    await one.makeQueues();
    await one.makeQueues();
    expect(path()).to.deep.equal({cqs: 2, qps: 2, mrs: 2, mkeys: 4});
    await one.end('SIGKILL');
    await two.attach(agent.socket);
    expect(path()).to.deep.equal(NONE);
    expect(live(device)).to.include({contexts: 1, deks: 5, logins: 1});
    expect(logged(agent, 'detach')[0]!['left']).to.be.at.least(10);
    await two.makeQueues();
    expect(Object.values(await two.states())).to.deep.equal(new Array(5).fill('READY'));
    expect(await two.dek('vol-1')).to.include({absent: false});
  });

  it('hands out the DEKs of now, after an apply while nobody was attached', async () => {
    const [one, two] = [service(), service()];
    await one.attach(agent.socket);
    await one.close();
    await one.detach();
    const path = writeManifestFile(device, vols(1, 5, 2));
    await agent.client.apply({path, kek: undefined, dryRun: false, keepGoing: false});
    expect(await two.attach(agent.socket)).to.have.length(5);
    expect(Object.values(await two.states())).to.deep.equal(new Array(5).fill('READY'));
  });

  it('heals while a tenant is there, and tells it', async () => {
    const one = service();
    const [first] = await one.attach(agent.socket);
    device.nic.set({dekErrors: [{which: {id: first!.objectId}}]});
    expect(await one.next()).to.deep.include({type: 'change', names: ['vol-1'], old: [first!.objectId]});
    expect(live(device).deks).to.equal(6);
    await one.release();
    await until(() => live(device).deks === 5);
  });

  it('destroys old DEKs when their tenant has gone', async () => {
    const one = service();
    const [first] = await one.attach(agent.socket);
    device.nic.set({dekErrors: [{which: {id: first!.objectId}}]});
    await one.next();
    await one.end('SIGKILL');
    await until(() => live(device).deks === 5);
  });

  it('sends the next context when the NIC was reset', async () => {
    const one = service();
    await one.attach(agent.socket);
    device.nic.set({gone: true});
    expect(await one.next()).to.deep.include({type: 'gone', next: true});
    device.nic.set({gone: false});
    expect(await one.next()).to.deep.include({type: 'change'});
    await allReady(agent);
    expect(await one.dek('vol-5')).to.include({absent: false});
  });

  it('tells a part of the set to one who asks for it', async () => {
    const one = service();
    expect((await one.attach(agent.socket, ['vol-1', '*5'])).map(({name}) => name)).to.deep.equal(['vol-1', 'vol-5']);
    await one.close();
    await one.detach();
    expect(await refusal(service().attach(agent.socket, ['nope']))).to.include('nope');
  });
});
