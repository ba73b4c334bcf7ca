/** An agent that is started again with what its service manager has kept takes its DEKs up. */
import {expect} from 'chai';
import type {Peer} from '../../../src/agent/host/ffi.js';
import {vols, writeManifestFile} from '../../support/agent/agent-manifests.js';
import {live, NOTHING} from '../../support/agent/agent-process.js';
import {refusal, Service} from '../../support/agent/service.js';
import {ServiceManager} from '../../support/agent/service-manager.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {until} from '../../support/until.js';

const DEKS = 5;

describe('contexts that the service manager keeps', () => {
  let device: TestDevice;
  let manager: ServiceManager;
  let services: Service[];

  const service = (): Service => {
    const one = new Service(device);
    services.push(one);
    return one;
  };
  const madeDeks = (): number => device.nic.show().total.deks;
  const states = async (): Promise<string[]> => (await manager.client.listDeks()).map(({state}) => state);

  beforeEach(async () => {
    services = [];
    device = await testDevice();
    writeManifestFile(device, vols(1, DEKS));
    manager = await ServiceManager.begin(device, [
      '--manifest',
      `${device.directory}/manifest`,
      '--check-interval',
      '1',
    ]);
    await manager.start();
    await until(async () => (await manager.names()).length === 2);
  });
  afterEach(async () => {
    for (const one of services) await one.end();
    await manager.kill().catch(() => {});
    await manager.end();
    await until(() => live(device).contexts === 0);
    expect(live(device)).to.deep.equal(NOTHING);
    device.remove();
  });

  for (const [how, end] of Object.entries<() => Promise<void>>({
    killed: () => manager.kill(),
    terminated: () => manager.terminate(),
  })) {
    it(`are taken up by the next agent when one is ${how}: no DEK is made, none is lost`, async () => {
      const before = madeDeks();
      await end();
      expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: DEKS});
      await manager.start();
      expect(madeDeks()).to.equal(before);
      expect(await states()).to.deep.equal(new Array(DEKS).fill('READY'));
      expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: DEKS});
      await until(async () => (await manager.names()).length === 2);
    });
  }

  it('are let go when the unit is stopped', async () => {
    await manager.terminate();
    await manager.forget();
    await until(() => live(device).contexts === 0);
    await manager.start();
    expect(await states()).to.deep.equal(new Array(DEKS).fill('READY'));
  });

  it('have what is missing made, and what is not wanted any more destroyed', async () => {
    await manager.kill();
    writeManifestFile(device, [...vols(1, 3), ...vols(4, 4, 2), ...vols(6, 6)]);
    const before = madeDeks();
    await manager.start();
    expect(madeDeks()).to.equal(before + 2);
    expect(await states()).to.deep.equal(new Array(5).fill('READY'));
    await until(() => live(device).deks === 5);
  });

  it('are not taken up when the NIC was reset meanwhile', async () => {
    await manager.kill();
    device.nic.set({gone: true});
    device.nic.set({gone: false});
    await manager.start();
    expect(await states()).to.deep.equal(new Array(DEKS).fill('READY'));
  });

  it('belong to their tenant as long as it runs, also under the next agent', async () => {
    const [one, two] = [service(), service()];
    const deks = await one.attach(manager.socket);
    await one.makeQueues();
    const {pid} = (await manager.client.status()).contexts[0] as Pick<Peer, 'pid'>;
    expect(await manager.names()).to.include('dek-tenant-mlx5_0');
    await manager.kill();
    await manager.start();
    expect(await refusal(two.attach(manager.socket))).to.include(`process ${pid}`);
    expect(device.nic.show().live.qps).to.equal(1);
    expect(Object.values(await one.states())).to.deep.equal(new Array(DEKS).fill('READY'));
    expect(await one.attachAgain(manager.socket)).to.deep.equal(deks);
    expect(device.nic.show().live.qps).to.equal(1);
    await one.end('SIGKILL');
    await until(() =>
      two.attach(manager.socket).then(
        () => true,
        () => false,
      ),
    );
    expect(device.nic.show().live.qps).to.equal(0);
  });

  it('stay with a tenant, and its queues too, when the agent is terminated to be started again', async () => {
    const one = service();
    const deks = await one.attach(manager.socket);
    await one.makeQueues();
    await manager.terminate();
    expect(device.nic.show().live.qps).to.equal(1);
    await manager.start();
    expect(Object.values(await one.states())).to.deep.equal(new Array(DEKS).fill('READY'));
    expect(await one.attachAgain(manager.socket)).to.deep.equal(deks);
    expect(device.nic.show().live.qps).to.equal(1);
    expect(device.nic.show().total.deks).to.equal(DEKS);
  });

  it('are cleaned of what a tenant left that died together with the agent', async () => {
    const one = service();
    await one.attach(manager.socket);
    await one.makeQueues();
    await manager.kill();
    await one.end('SIGKILL');
    await manager.start();
    await until(() => device.nic.show().live.qps === 0);
    expect(await service().attach(manager.socket)).to.have.length(DEKS);
  });
});
