/** A firmware command that does not come back keeps none waiting but who asked for it, nor the agent from its end. */
import {once} from 'node:events';
import {join} from 'node:path';
import {expect} from 'chai';
import {vols, writeManifestFile} from '../support/agent/agent-manifests.js';
import {AgentProcess, DEK, FAST_CLOCK} from '../support/agent/agent-process.js';
import {Service} from '../support/agent/service.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {HungFirmware} from '../support/nic/hung-firmware.js';
import {refusalOf} from '../support/process/errors-thrown.js';
import {until} from '../support/until.js';

describe('firmware that hangs', () => {
  let device: TestDevice;
  let agent: AgentProcess | undefined;
  let service: Service | undefined;

  beforeEach(async () => {
    device = await testDevice();
  });
  afterEach(async () => {
    await service?.end();
    await agent?.end('SIGKILL');
    [agent, service] = [undefined, undefined];
    device.remove();
  });

  async function start(): Promise<void> {
    const manifest = writeManifestFile(device, vols(1, 3));
    agent = await AgentProcess.start(device, {args: ['--manifest', manifest], fastClock: true});
  }

  /** The answer that takes no command comes while what was asked before still waits for one. */
  async function answersAnother(): Promise<void> {
    expect(await refusalOf(agent!.client.queryDek('none'))).to.match(/^NO_DEK /);
  }

  it('at the state of the login: it is UNKNOWN in the end, and SIGTERM is heard', async () => {
    await start();
    const firmware = new HungFirmware(device, 'query');
    const status = agent!.client.status();
    await until(() => firmware.hasOne);
    await answersAnother();
    expect((await status).devices.map(({login}) => login?.state)).to.deep.equal(['UNKNOWN']);
    expect(await agent!.end()).to.equal(1);
    expect(agent!.log).to.include('"event":"end-hangs"');
  });

  it('at a question that it answered at once a moment before', async () => {
    await start();
    await agent!.client.listDeks();
    const firmware = new HungFirmware(device, 'query');
    agent!.client.listDeks().catch(() => {});
    await until(() => firmware.hasOne);
    await answersAnother();
  });

  it('at a proof', async () => {
    await start();
    const firmware = new HungFirmware(device, 'other');
    agent!.client.proveDeks({all: true}).catch(() => {});
    await until(() => firmware.hasOne);
    await answersAnother();
  });

  it('at the login of a context that is lent', async () => {
    await start();
    service = new Service(device);
    const firmware = new HungFirmware(device, 'create');
    service.lend(agent!.socket).catch(() => {});
    await until(() => firmware.hasOne);
    await answersAnother();
  });

  it('at the login of an agent that starts: SIGTERM ends it', async () => {
    const firmware = new HungFirmware(device, 'create');
    const agentArgs = [
      '--socket',
      join(device.directory, 'agent.sock'),
      '--manifest',
      writeManifestFile(device, vols(1, 3)),
    ];
    const args = ['--import', FAST_CLOCK, DEK, 'agent', ...agentArgs];
    const child = device.spawn(process.execPath, args, {stdio: 'ignore'});
    const exit = once(child, 'exit');
    await until(() => firmware.hasOne);
    child.kill('SIGTERM');
    expect(await exit).to.deep.equal([1, null]);
  });
});
