/** Few descriptors: what cannot be opened is not taken for what is not there. */
import {expect} from 'chai';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {DEK} from '../support/process/run-dek.js';

describe('room for files', () => {
  let device: TestDevice;
  before(async () => {
    device = await testDevice();
  });
  after(() => device.remove());

  /** Node itself ends without about fifteen of its own. */
  const LIMITS = [20, 22, 24, 28, 32, 40, 48];

  for (const command of ['device list', 'device show', 'run -- true', 'selftest']) {
    it(`is missed by dek ${command}, if there is too little`, () => {
      const statuses = LIMITS.map((limit) => {
        const closed = 'import os, sys; os.closerange(3, 1000); os.execvp(sys.argv[1], sys.argv[1:])';
        const script = `exec python3 -c "${closed}" "$@"`;
        const limited = ['-c', `ulimit -n ${limit}; ${script}`, 'bash', process.execPath, DEK, ...command.split(' ')];
        const {status, stderr} = device.run('bash', limited);
        if (status !== 0)
          expect(stderr, `${limit}`).to.match(/^error: [^\n]*: too many open files\nhint: raise the limit/);
        return status;
      });
      expect(statuses[0]).to.not.equal(0);
      expect(statuses.at(-1)).to.equal(0);
    });
  }

  it('is missed by a program of the library that lists devices', () => {
    const module = new URL('../../src/index.js', import.meta.url).href;
    const script = `
      const {openSync, closeSync} = await import('node:fs');
      const {listDevices} = await import(process.argv[1]);
      const names = listDevices().map(({name}) => name);
      const all = [];
      try { for (;;) all.push(openSync('/dev/null')); } catch {}
      closeSync(all.pop()); // for /proc/self/maps
      let code;
      try { listDevices(); } catch (error) { code = error.code; }
      for (const fd of all) closeSync(fd);
      console.log(...names, code, listDevices().length);
    `;
    const args = [
      '-c',
      'ulimit -n 64; exec "$@"',
      'bash',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
      module,
    ];
    const {stdout, stderr} = device.run('bash', args);
    expect(stderr).to.equal('');
    expect(stdout).to.equal('mlx5_0 LIMIT 1\n');
  });
});
