import {expect} from 'chai';
import {hostileQueues} from '../peers/hostile.js';
import {sendMessages} from '../peers/messages.js';
import {freePort, runPair} from '../peers/pair.js';
import {PINGPONGS} from '../peers/pairs.js';
import {type TestDevice, testDevice} from '../support/device.js';
import {until} from '../support/until.js';

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

  it('lose no message of 5,000', async () => {
    expect((await sendMessages(device, 5000)).found).to.deep.equal([]);
  });

  it('killed in the middle of their traffic, leave a NIC that others can use', async () => {
    const requests = (): number => device.nic.show('mlx5_0').total.workRequests;
    for (const first of [0, 1]) {
      const [before, port] = [requests(), String(await freePort())];
      const words = ['-p', port, '-d', 'mlx5_0', '-g', '0', '-n', '1000000'];
      const again = 'until ibv_rc_pingpong "$@" localhost; do sleep 0.05; done'; // until the server listens
      const both = [
        device.spawn('ibv_rc_pingpong', words, {stdio: 'ignore'}),
        device.spawn('sh', ['-c', again, '-', ...words], {stdio: 'ignore', detached: true}),
      ] as const;
      const gone = both.map((child) => new Promise((resolve) => child.once('exit', resolve)));
      await until(() => requests() > before + 10);
      for (const child of first === 0 ? both : both.toReversed()) {
        process.kill(child === both[1] ? -child.pid! : child.pid!, 'SIGKILL');
      }
      await Promise.all(gone);
    }
    expect(await runPair(device, {command: 'ibv_rc_pingpong', words: ['-g', '0', '-n', '20']})).to.deep.equal([]);
    expect(device.nic.show('mlx5_0').live.contexts).to.equal(0);
  });

  it('survive random bytes in queues and doorbells, those of the other one as well', async () => {
    expect(await hostileQueues(device, process.env['SLOW'] ? 1_000_000 : 2000, 1)).to.deep.equal([]);
  }).timeout(process.env['SLOW'] ? 3_000_000 : 60_000);
});
