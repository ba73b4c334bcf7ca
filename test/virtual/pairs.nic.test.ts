import {expect} from 'chai';
import {runPair} from '../peers/pair.js';
import {PINGPONGS} from '../peers/pairs.js';
import {type TestDevice, testDevice} from '../support/device.js';

describe('two processes on virtual ConnectX', () => {
  let device: TestDevice;

  before(async () => {
    device = await testDevice({devices: 2});
  });
  after(() => device.remove());

  for (const pair of PINGPONGS) {
    const fewer = {...pair, words: ['-g', '0', '-n', '20']};

    it(`talk to each other: ${pair.command}, on one NIC`, async () => {
      expect(await runPair(device, fewer)).to.deep.equal([]);
    });
    it(`talk to each other: ${pair.command}, on two NICs of a directory`, async () => {
      expect(await runPair(device, {...fewer, devices: ['mlx5_0', 'mlx5_1']})).to.deep.equal([]);
      for (const name of device.nic.devices) expect(device.nic.show(name).live.contexts).to.equal(0);
    });
  }
});
