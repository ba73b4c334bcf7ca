import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import {hostileQueues} from '../peers/hostile.js';
import {sendMessages} from '../peers/messages.js';
import {freePort, runPair} from '../peers/pair.js';
import {PINGPONGS} from '../peers/pairs.js';
import {Client} from '../support/nic/client.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
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

  describe('with a QP each', () => {
    let [sender, receiver]: [Client | undefined, Client | undefined] = [undefined, undefined];
    beforeEach(async () => {
      [sender, receiver] = [new Client(device, 'traffic.c'), new Client(device, 'traffic.c')];
      const numbers: string[] = [];
      for (const client of [sender, receiver]) {
        expect(await client.askAll(['open 0', 'qp 0'])).to.deep.equal(['ok', '0']);
        numbers.push(await client.ask('number 0'));
      }
      expect(await sender.ask(`join 0 ${numbers[1]}`)).to.equal('ok');
      expect(await receiver.ask(`join 0 ${numbers[0]}`)).to.equal('ok');
    });
    afterEach(async () => {
      await sender!.end();
      await receiver!.end();
    });

    it('wait for a receive that is posted later, also after one that was there', async () => {
      for (let round = 0; round < 20; round++) {
        await receiver!.ask('recv 0 mr 0 64');
        // All at once, so that in most rounds one is refused while the one before it is under way.
        await Promise.all([0, 1, 2, 3].map((i) => sender!.ask(`send 0 mr ${64 * i} 64`)));
        await pause(10);
        await receiver!.askAll([1, 2, 3].map((i) => `recv 0 mr ${64 * i} 64`));
        expect(await sender!.ask('poll 0 4')).to.equal('success success success success');
        expect(await receiver!.ask('poll 0 4')).to.equal('success/64 success/64 success/64 success/64');
      }
    });

    it('give up on a receive that is never posted', async () => {
      await receiver!.ask('recv 0 mr 0 64');
      await sender!.askAll(['send 0 mr 0 64', 'send 0 mr 64 64']);
      expect(await sender!.ask('poll 0 2')).to.equal('success RNR retry counter exceeded');
    });

    it('keep no descriptor that a stranger sends them', async () => {
      const open = (): number => fs.readdirSync(`/proc/${receiver!.pid}/fd`).length;
      const wire = fs.readdirSync(device.directory).find((name) => name.includes('mlx5_0') && name.endsWith('.wire'))!;
      const sockets = fs.readdirSync(join(device.directory, wire)).map((name) => join(device.directory, wire, name));
      const before = open();
      const script = `import array, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
alive = 0
for path in sys.argv[1:]:
    try:
        for count in (1, 2, 3):
            fds = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0] * count))]
            for _ in range(20): s.sendmsg([b'x'], fds, 0, path)
        alive += 1
    except ConnectionRefusedError: pass # of one that was killed
print(alive)`;
      const args = ['-c', script, ...sockets];
      const {stdout, stderr} = spawnSync('/usr/bin/python3', args, {encoding: 'utf8', timeout: 20_000});
      expect([stdout, stderr]).to.deep.equal(['2\n', '']);
      // What came before this has been looked at.
      await receiver!.ask('recv 0 mr 0 64');
      expect(await sender!.askAll(['send 0 mr 0 64', 'poll 0 1'])).to.deep.equal(['ok', 'success']);
      expect(open()).to.equal(before);
    });
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
  }).timeout(process.env['SLOW'] ? 3_000_000 : 300_000);
});
