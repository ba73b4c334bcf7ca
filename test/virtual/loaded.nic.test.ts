/** What is to run on a virtual ConnectX never runs on the NICs of the host instead. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {DEK} from '../support/process/run-dek.js';
import {skipWithout} from '../support/skip.js';

const MESSAGE = 'and was started without it';

describe('virtual ConnectX that is not loaded', () => {
  let device: TestDevice;

  beforeEach(async () => {
    device = await testDevice();
  });
  afterEach(() => device.remove());

  const run = (file: string, ...args: string[]): {status: number | null; stdout: string; stderr: string} =>
    spawnSync(file, args, {encoding: 'utf8'});

  it('is told before CMD starts, on a file system without execution', function () {
    const mount = join(device.directory, 'noexec');
    fs.mkdirSync(mount);
    const script = `
      mount -t tmpfs -o noexec none "$1" && cd "$2" && cp -a mlx5_0.nvram uverbs.so sysfs officer "$1" &&
        exec "$3" "$4" virtual exec "$1" -- echo ran
    `;
    skipWithout('mounts', this, run('unshare', '--mount', 'mount', '-t', 'tmpfs', 'none', mount).status === 0);
    const args = ['--mount', 'sh', '-c', script, 'sh', mount, device.directory, process.execPath, DEK];
    const {status, stdout, stderr} = run('unshare', ...args);
    expect({status, stdout}).to.deep.equal({status: 4, stdout: ''});
    expect(stderr).to.match(/^error: programs would be started without the virtual ConnectX in [^\n]*failed to map/);
  });

  for (const what of ['device list', 'device show', 'agent', 'run -- echo ran']) {
    it(`keeps dek ${what} from the NICs of the host`, () => {
      const wrapper = ['virtual', 'exec', device.directory, '--', 'env', '-u', 'LD_PRELOAD', process.execPath, DEK];
      const {status, stdout, stderr} = run(process.execPath, DEK, ...wrapper, ...what.split(' '));
      expect({status, stdout}).to.deep.equal({status: 4, stdout: ''});
      expect(stderr).to.include(MESSAGE);
    });
  }

  it('keeps a program of the library from them', () => {
    const module = new URL('../../src/index.js', import.meta.url).href;
    const script = `
      const {listDevices, openDevice} = await import(process.argv[1]);
      try { listDevices(); } catch ({code, message}) { console.log(code, message); }
      await openDevice().catch(({code, message}) => console.log(code, message));
    `;
    const wrapper = [DEK, 'virtual', 'exec', device.directory, '--', 'env', '-u', 'LD_PRELOAD'];
    const args = [process.execPath, '--input-type=module', '-e', script, module];
    const {stdout} = run(process.execPath, ...wrapper, ...args);
    expect(stdout.trim().split('\n')).to.have.length(2);
    for (const line of stdout.trim().split('\n')) expect(line).to.match(/^UNSUPPORTED .*and was started without it$/);
  });

  it('is told of a CMD that changes its user', () => {
    const path = join(device.directory, 'sudo');
    fs.writeFileSync(path, '#!/bin/sh\necho ran\n');
    fs.chmodSync(path, 0o4755);
    for (const [file, PATH] of [
      [path, '/usr/bin:/bin'],
      ['sudo', `/nowhere:${device.directory}:/usr/bin:/bin`],
    ] as const) {
      const {status, stdout, stderr} = spawnSync(
        process.execPath,
        [DEK, 'virtual', 'exec', device.directory, '--', file],
        {encoding: 'utf8', env: {...process.env, PATH}},
      );
      expect({status, stdout}, file).to.deep.equal({status: 4, stdout: ''});
      expect(stderr).to.include('changes its user or group');
    }
  });
});
