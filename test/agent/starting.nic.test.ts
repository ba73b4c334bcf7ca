/** An agent that still applies the manifest of its start: it answers, and says that it has not started yet. */
import {execFileSync, spawnSync} from 'node:child_process';
import {join} from 'node:path';
import {expect} from 'chai';
import {AgentClient} from '../../src/agent/client.js';
import {vols, writeManifestFile} from '../support/agent/agent-manifests.js';
import {AgentProcess, DEK} from '../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {until} from '../support/until.js';

describe('agent that starts', () => {
  let device: TestDevice;
  let starting: Promise<AgentProcess>;

  beforeEach(async () => {
    device = await testDevice();
    const manifest = writeManifestFile(device, vols(1, 400));
    device.nic.set({latencyUs: 50_000, parallel: 1});
    starting = AgentProcess.start(device, {args: ['--manifest', manifest]});
    const client = new AgentClient(join(device.directory, 'agent.sock'));
    await until(
      () =>
        client.status().then(
          () => true,
          () => false,
        ),
      'it answers',
    );
  });
  afterEach(async () => {
    device.nic.set({latencyUs: 0});
    await (await starting).end();
    device.remove();
  });

  const socket = (): string => join(device.directory, 'agent.sock');

  function status(): {status: number | null; stdout: string} {
    return spawnSync(process.execPath, [DEK, 'status', '--socket', socket()], {encoding: 'utf8'});
  }

  it('is not ready, whatever it holds by then', async () => {
    const before = status();
    expect(before.stdout).to.match(/^agent: .*, still starting$/m);
    expect(before.status).to.equal(7);
    const args = ['--silent', '--output', '/dev/null', '--write-out', '%{http_code}', '--unix-socket', socket()];
    expect(execFileSync('curl', [...args, 'http://dek/healthz'], {encoding: 'utf8'})).to.equal('503');
    device.nic.set({latencyUs: 0});
    await starting;
    expect(status()).to.include({status: 0});
  });
});
