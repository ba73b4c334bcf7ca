/** What a NIC can do may change while an agent has it open: what libmlx5 read at the open is not the last word. */
import {expect} from 'chai';
import type {DekError} from '../../src/errors.js';
import type {Caps} from '../../src/rdma/index.js';
import {allReady, logged, untilLogged} from '../support/agent/agent-log.js';
import {AgentProcess, DEK, live} from '../support/agent/agent-process.js';
import {writeFleet} from '../support/manifest/fleet-file.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {until} from '../support/until.js';

/** No check comes within a test. */
const NEVER = ['--check-interval', '3600'];
const SOON = ['--check-interval', '1'];

describe('what a NIC can do, as it is now', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  afterEach(async () => {
    await agent?.end();
    device?.remove();
  });

  async function start(args: string[], options: Parameters<typeof testDevice>[0] = {}): Promise<void> {
    device = await testDevice(options);
    agent = await AgentProcess.start(device, {args});
  }

  async function startFleet(count: number, args: string[], options?: Parameters<typeof testDevice>[0]): Promise<void> {
    device = await testDevice(options);
    agent = await AgentProcess.start(device, {args: [...args, '--manifest', await writeFleet(device, {count})]});
  }

  /** What `dek device show` says at this moment. */
  function shown(): Caps {
    return JSON.parse(device.run(process.execPath, [DEK, 'device', 'show', '--json']).stdout).caps;
  }

  const apply = (kek?: string): Promise<unknown> =>
    agent.client.apply({path: undefined, kek, dryRun: false, keepGoing: false});

  async function refused(call: Promise<unknown>): Promise<DekError> {
    return call.then(
      () => expect.fail('it was not refused'),
      (error) => error,
    );
  }

  const commands = (): number => device.nic.show().total.commands;
  const nicStatus = async () => (await agent.client.status()).devices[0]!;

  describe('a login', () => {
    it('works when the NIC was commissioning at the start', async () => {
      await start(NEVER, {settings: {state: 'commissioning'}});
      device.nic.set({state: 'operational'});
      await agent.login();
      await agent.create('vol-1');
      expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 1});
      expect(logged(agent, 'device-changed')).to.have.length(1);
    });

    it('works when the NIC told nothing at the start', async () => {
      await start(NEVER, {settings: {faults: [{command: 'caps', status: 1, times: 'always'}]}});
      expect((await nicStatus()).importMode).to.equal('unknown');
      device.nic.set({faults: []});
      await agent.login();
      await agent.create('vol-1');
      expect(await nicStatus()).to.include({importMode: 'wrapped', maxDeks: shown().maxDeks});
    });

    it('works when the NIC took plaintext at the start, and back', async () => {
      await start(NEVER, {settings: {importMode: 'plaintext'}});
      device.nic.set({importMode: 'wrapped'});
      await agent.login();
      expect((await nicStatus()).importMode).to.equal('wrapped');
      device.nic.set({importMode: 'plaintext'});
      await agent.client.logout();
      const error = await refused(agent.login());
      expect(error).to.include({code: 'UNSUPPORTED', message: 'mlx5_0 takes plaintext DEKs and no login'});
      expect(shown().importMode).to.equal('plaintext');
    });

    it('is refused with what the NIC says then', async () => {
      await start(NEVER);
      device.nic.set({state: 'commissioning'});
      expect((await refused(agent.login())).message).to.match(/the NIC is not operational \(commissioning\)/);
      expect(shown().operational).to.equal(false);
      device.nic.set({state: 'operational'});
      await agent.login();
      // Nothing was opened anew for it.
      expect(device.nic.show().total.contexts).to.equal(2);
    });
  });

  describe('the health check', () => {
    it('heals a NIC that came back before it was operational', async () => {
      await startFleet(20, SOON);
      device.nic.set({state: 'commissioning', gone: true});
      await untilLogged(agent, 'device-gone');
      device.nic.set({gone: false});
      await untilLogged(agent, 'device-back');
      const {error} = await untilLogged(agent, 'login-failed');
      expect(error).to.match(/the NIC is not operational \(commissioning\)/);
      device.nic.set({state: 'operational'});
      await allReady(agent);
      expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 20});
      expect(logged(agent, 'device-changed')).to.have.length(1);
    });

    it('heals a NIC that came back with less room, when it has more', async () => {
      await startFleet(20, SOON);
      device.nic.set({logMaxDeks: 3, gone: true});
      await untilLogged(agent, 'device-gone');
      device.nic.set({gone: false});
      const {error} = await untilLogged(agent, 'heal-failed');
      expect(error).to.include('it holds at most 8');
      device.nic.set({logMaxDeks: 17});
      await allReady(agent);
      await apply();
      expect((await nicStatus()).maxDeks).to.equal(shown().maxDeks);
    });

    it('heals when the import mode was another one for a while', async () => {
      device = await testDevice({settings: {importMode: 'plaintext'}});
      const manifest = await writeFleet(device, {count: 5});
      const args = [...SOON, '--manifest', manifest, '--kek', `file:${device.nic.kekFile}`];
      agent = await AgentProcess.start(device, {args});
      device.nic.set({importMode: 'wrapped', gone: true});
      await untilLogged(agent, 'device-gone');
      device.nic.set({gone: false});
      await untilLogged(agent, 'device-back');
      await until(async () => (await nicStatus()).importMode === 'wrapped', 'it is known');
      // The KEK that is remembered is not in the way, and is there when it is needed again.
      await apply();
      await allReady(agent);
      expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 1, deks: 5});
      device.nic.set({importMode: 'plaintext', gone: true});
      await untilLogged(agent, 'device-gone', () => logged(agent, 'device-gone').length === 2);
      device.nic.set({gone: false});
      await allReady(agent);
      expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 0, deks: 5});
    });

    it('follows an idle NIC', async () => {
      await start(SOON, {settings: {importMode: 'plaintext'}});
      device.nic.set({importMode: 'wrapped'});
      await until(async () => (await nicStatus()).importMode === 'wrapped', 'it is known');
    });
  });

  describe('room', () => {
    it('that the NIC has come to have is used by an apply', async () => {
      await startFleet(4, NEVER, {settings: {logMaxDeks: 2}});
      await writeFleet(device, {count: 20});
      expect((await refused(apply())).message).to.match(/^mlx5_0 holds at most 4 DEKs, and /);
      device.nic.set({logMaxDeks: 10});
      await apply();
      expect((await nicStatus()).maxDeks).to.equal(shown().maxDeks);
      expect(live(device).deks).to.equal(20);
    });

    it('that the NIC has no more is not promised', async () => {
      await startFleet(4, NEVER);
      device.nic.set({logMaxDeks: 2});
      expect((await refused(agent.create('one-more'))).message).to.include(`it holds at most ${shown().maxDeks} (`);
      await writeFleet(device, {count: 20});
      const {message} = await refused(apply());
      expect(message).to.match(/^mlx5_0 holds at most 4 DEKs, and the manifest names 20$/);
      expect(live(device).deks).to.equal(4);
    });
  });

  describe('a DEK of the old context', () => {
    it('that is READY keeps it open, and the error says why', async () => {
      await startFleet(4, NEVER);
      device.nic.set({importMode: 'plaintext'});
      const error = await refused(agent.create('one-more'));
      expect(error).to.include({code: 'UNSUPPORTED'});
      expect(error.message).to.include('the NIC takes plaintext DEKs only (plaintext import mode)');
      await apply();
      await agent.client.logout();
      expect((await refused(agent.login())).message).to.include('the NIC takes plaintext DEKs and no login');
      expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 0, deks: 4});
      await agent.client.destroyDeks({all: true});
      expect((await refused(agent.login())).message).to.equal('mlx5_0 takes plaintext DEKs and no login');
    });

    it('that is in ERROR does not', async () => {
      await startFleet(4, NEVER);
      device.nic.set({dekErrors: [{which: 'all'}]});
      await agent.client.listDeks();
      device.nic.set({importMode: 'plaintext'});
      await apply(`file:${device.nic.kekFile}`);
      expect(live(device)).to.deep.equal({contexts: 1, pds: 1, logins: 0, deks: 4});
      await allReady(agent);
    });
  });

  it('costs nothing where it decides nothing', async () => {
    await start(NEVER);
    await agent.login();
    const counted = async (call: () => Promise<unknown>): Promise<number> => {
      const before = commands();
      await call();
      return commands() - before;
    };
    expect(await counted(() => agent.create('vol-1'))).to.equal(2);
    expect(await counted(() => agent.client.queryDek('vol-1'))).to.equal(1);
    expect(await counted(() => agent.client.listDeks())).to.equal(1);
    expect(await counted(() => agent.client.status())).to.equal(1);
    expect(await counted(() => agent.client.destroyDeks({all: true}))).to.equal(1);
  });
});
