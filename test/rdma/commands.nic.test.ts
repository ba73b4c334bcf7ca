/** `dek device list` and `dek device show` on virtual NICs of several kinds. */
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {ENGINES, has} from '../support/nic/release.js';

const DEK = fileURLToPath(new URL('../../../bin/dek.cjs', import.meta.url));

/** AES_XTS_SINGLE_BLOCK as AES-XTS single-block. */
const inWords = (engine: string): string =>
  engine.replace('AES_XTS', 'AES-XTS').replace(/_(\w+)_BLOCK/, (_, word: string) => ` ${word.toLowerCase()}-block`);

describe('dek device', () => {
  let device: TestDevice;
  before(async () => {
    device = await testDevice({devices: 2, settings: {logMaxDeks: 10}});
  });
  after(() => device?.remove());

  const dek = (...args: string[]) => device.run(process.execPath, [DEK, 'device', ...args]);

  it('lists NICs in columns', () => {
    const {stdout, status} = dek('list');
    expect(stdout).to.equal(
      [
        'NAME    MODEL          PCI ADDRESS   NODE GUID            FIRMWARE',
        'mlx5_0  ConnectX-6 Dx  0000:3b:00.0  506b:4b03:00c0:ffee  22.36.1010',
        'mlx5_1  ConnectX-6 Dx  0000:3b:00.1  506b:4b03:00c0:ffef  22.36.1010',
        '',
      ].join('\n'),
    );
    expect(status).to.equal(0);
  });

  it('lists NICs as JSON', () => {
    const list = JSON.parse(dek('list', '--json').stdout);
    expect(list).to.have.length(2);
    expect(list[1]).to.include({name: 'mlx5_1', pciAddress: '0000:3b:00.1', mlx5: true});
  });

  it('shows a NIC that is ready', () => {
    const {stdout, status} = dek('show', '3b:00.0');
    expect(stdout).to.match(/^device: +mlx5_0$/m);
    expect(stdout).to.match(/^import mode: +wrapped: /m);
    expect(stdout).to.match(/^state: +operational: /m);
    expect(stdout).to.match(/^DEKs: +at most 1024, /m);
    expect(/^engines: +(.*)$/m.exec(stdout)?.[1]).to.equal(ENGINES.map(inWords).join(', '));
    expect(stdout).to.match(/^self-tests: +passed$/m);
    expect(stdout).to.match(has('login objects') ? /^login API: +login object /m : /^login API: +login session /m);
    expect(stdout).to.match(/^rdma-core: +\d+\.\d+$/m);
    expect(stdout).to.not.contain('not ready');
    expect(status).to.equal(0);
  });

  it('shows the same as JSON', () => {
    const shown = JSON.parse(dek('show', 'mlx5_0', '--json').stdout);
    expect(shown).to.include({
      name: 'mlx5_0',
      loginApi: has('login objects') ? 'object' : 'session',
      ready: true,
      next: null,
    });
    expect(shown.caps).to.include({importMode: 'wrapped', operational: true, maxDeks: 1024});
  });

  it('says what to do when the NIC is not operational', () => {
    device.nic.set({state: 'commissioning'}, 'mlx5_1');
    const {stdout, status} = dek('show', 'mlx5_1');
    expect(stdout).to.match(/^state: +commissioning: the NIC takes no logins yet$/m);
    expect(stdout).to.match(/^not ready: the crypto officer .*dek officer operational$/m);
    expect(status).to.equal(0);
  });

  it('is loud about failed self-tests', () => {
    device.nic.set({state: 'operational', failedSelftests: 0x8001}, 'mlx5_1');
    const {stdout} = dek('show', 'mlx5_1');
    expect(stdout).to.match(/^self-tests: +FAILED, code 0x8001$/m);
    expect(stdout).to.match(/^not ready: do not use the crypto of this NIC/m);
  });

  it('shows a NIC of plaintext import mode', () => {
    device.nic.set({failedSelftests: 0, importMode: 'plaintext'}, 'mlx5_1');
    const {stdout} = dek('show', 'mlx5_1');
    expect(stdout).to.match(/^import mode: +plaintext: /m);
    expect(stdout).to.not.match(/^state:/m);
    expect(stdout).to.not.contain('not ready');
  });

  it('exits 2 when several are meant, 3 when none is, 4 without permission', () => {
    expect(dek('show')).to.deep.include({status: 2, stdout: ''});
    expect(dek('show', 'mlx5_7')).to.deep.include({status: 3, stdout: ''});
    device.nic.set({openErrno: 13}, 'mlx5_1');
    const {status, stderr} = dek('show', 'mlx5_1');
    expect(status).to.equal(4);
    expect(stderr).to.match(/^error: permission denied on \/dev\/infiniband\/uverbs1\nhint: /);
  });
});
