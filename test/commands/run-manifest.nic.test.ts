import {once} from 'node:events';
import {text} from 'node:stream/consumers';
import {expect} from 'chai';
import {vols, writeManifestFile} from '../support/agent/agent-manifests.js';
import {live, NOTHING} from '../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {DEK} from '../support/process/run-dek.js';
import {until} from '../support/until.js';

const LIST = `"${process.execPath}" "${DEK}" list --json`;

describe('run --manifest', () => {
  let device: TestDevice;

  beforeEach(async () => {
    device = await testDevice();
  });
  afterEach(() => {
    device.nic.set({latencyUs: 0});
    expect(live(device), 'on the NIC').to.deep.equal(NOTHING);
    device.remove();
  });

  const dekRun = (...args: string[]) => device.run(process.execPath, [DEK, 'run', ...args]);

  it('starts CMD when all DEKs are READY', () => {
    const path = writeManifestFile(device, vols(1, 300));
    const {status, stdout, stderr} = dekRun('--manifest', path, '--', 'sh', '-c', LIST);
    expect(status, stderr).to.equal(0);
    const deks = JSON.parse(stdout) as {state: string}[] | {deks: {state: string}[]};
    const states = (Array.isArray(deks) ? deks : deks.deks).map(({state}) => state);
    expect(states).to.deep.equal(Array.from({length: 300}, () => 'READY'));
  });

  it('does not start CMD when the last DEK is refused', () => {
    const path = writeManifestFile(device, [...vols(1, 300), {name: 'bad', altered: true}]);
    const {status, stdout, stderr} = dekRun('--manifest', path, '--', 'echo', 'started');
    expect([status, stdout]).to.deep.equal([4, '']);
    expect(stderr).to.include('line 302: bad: ');
    expect(device.nic.show().total.deks).to.be.at.least(300);
  });

  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const) {
    it(`exits with ${status} at ${signal} while it applies, and does not start CMD`, async () => {
      device.nic.set({latencyUs: 200_000});
      const path = writeManifestFile(device, vols(1, 600));
      const child = device.spawn(process.execPath, [DEK, 'run', '--manifest', path, '--', 'echo', 'started'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const [output, exit] = [text(child.stdout!), once(child, 'exit')];
      await until(() => live(device).deks > 30);
      child.kill(signal);
      device.nic.set({latencyUs: 0});
      expect(await exit).to.deep.equal([status, null]);
      expect(await output).to.equal('');
    });
  }
});
