import {randomBytes} from 'node:crypto';
import {join} from 'node:path';
import {setTimeout as sleep} from 'node:timers/promises';
import {expect} from 'chai';
import {wrapDek} from '../../src/wrap/index.js';
import {Client, hex, login} from '../support/nic/client.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {errnoOf, needing} from '../support/nic/release.js';
import {xts} from '../support/nic/xts.js';

/** Numbers of uverbs objects. */
const QP = 4;
const DEVX_OBJECT = 0x1001;

describe('a context of the virtual ConnectX that two processes share', () => {
  const keys = {key1: randomBytes(32), key2: randomBytes(32)};
  let device: TestDevice;
  let maker: Client;
  let guest: Client;
  let sockets = 0;

  beforeEach(async () => {
    device = await testDevice();
    await pair();
  });
  afterEach(async () => {
    await maker.end();
    await guest.end();
    device.remove();
  });

  /** A maker with a context, a login, a DEK, a QP that is ready, an MKey; and a guest that has imported the context. */
  async function pair(): Promise<void> {
    maker = new Client(device, 'traffic.c');
    guest = new Client(device, 'traffic.c');
    const session = login(device).replace('login', 'login 0');
    const dek = `dek 0 256 0 ${hex(wrapDek(device.kek, keys))} vol`;
    const path = join(device.directory, `socket-${++sockets}`);
    const made = await maker.askAll(['open 0', session, dek, 'qp 0', 'loop 0', 'mkey 0 4']);
    expect(made).to.deep.equal(['ok', 'ok', '0', '0', 'ok', '0']);
    expect(await guest.ask(`listen ${path}`)).to.equal('ok');
    expect(await maker.ask(`hand 0 ${path}`)).to.equal('ok');
    expect(await guest.ask('import 0')).to.equal('ok');
  }

  /** The guest's own index of the maker's DEK. */
  async function foreign(): Promise<string> {
    return guest.ask(`foreign 0 ${await maker.ask('ids 0')}`);
  }

  const both = {contexts: 1, pds: 1, logins: 1, deks: 1, cqs: 2, qps: 1, mrs: 2, mkeys: 1};
  const none = {contexts: 0, pds: 0, logins: 0, deks: 0, cqs: 0, qps: 0, mrs: 0, mkeys: 0};

  it('is one context of both, with the objects of both', async () => {
    const {live} = device.nic.show();
    expect(live).to.include(both);
    const pids = [maker.pid, guest.pid].sort((a, b) => a - b);
    expect(live.open.map(({processes}) => processes)).to.deep.equal([pids]);
  });

  it('lets the guest encrypt with a DEK of the maker, also after the maker was killed', async () => {
    const dek = await foreign();
    expect(await guest.ask(`query_dek ${dek}`)).to.equal('READY vol');
    expect(await guest.askAll(['qp 0', 'loop 0', 'mkey 0 4'])).to.deep.equal(['0', 'ok', '0']);
    const plain = randomBytes(512);
    await guest.ask(`put 0 0 ${hex(plain)}`);
    const umr = `umr 0 0 list 0:512 ${dek} 0 1 ${'00'.repeat(16)}`;
    expect(await guest.askAll([umr, 'poll 0 1', 'write 0 k0 0 512 0 mr 4096', 'poll 0 1'])).to.deep.equal([
      'ok',
      'success',
      'ok',
      'success',
    ]);
    expect(await guest.ask('get 0 4096 512')).to.equal(hex(xts(keys, 0, plain)));
    await maker.end('SIGKILL');
    expect(await guest.askAll(['write 0 k0 0 512 0 mr 8192', 'poll 0 1'])).to.deep.equal(['ok', 'success']);
    expect(await guest.ask('get 0 8192 512')).to.equal(hex(xts(keys, 0, plain)));
    expect(device.nic.show().live).to.include({...both, qps: 2, mkeys: 2});
  });

  it('takes a DEK away from both when either destroys it', async () => {
    const dek = await foreign();
    expect(await guest.ask(`destroy_dek ${dek}`)).to.equal('ok');
    expect(await maker.askAll(['query_dek 0', 'destroy_dek 0'])).to.deep.equal(['ENOENT', 'ENOENT']);
    expect(device.nic.show().live.deks).to.equal(0);
  });

  it('has one login', async () => {
    expect(await guest.ask(login(device).replace('login', 'login 0'))).to.equal(errnoOf('EINVAL'));
    const dek = `dek 0 256 0 ${hex(wrapDek(device.kek, keys))}`;
    expect(await maker.ask(dek)).to.equal('1');
  });

  it('lists its handles, so that what a dead maker left can be destroyed', async () => {
    const [qp] = (await guest.ask(`handles 0 ${QP}`)).split(' ');
    expect((await guest.ask(`handles 0 ${DEVX_OBJECT}`)).split(' ')).to.have.length(3);
    expect(await guest.ask(`handles 0 ${0x77}`)).to.equal('ok');
    await maker.end('SIGKILL');
    expect(device.nic.show().live.qps).to.equal(1);
    expect(await guest.askAll([`sweep_qp 0 ${qp}`, `sweep_qp 0 ${qp}`])).to.deep.equal(['ok', 'ENOENT']);
    expect(device.nic.show().live.qps).to.equal(0);
  });

  it('stops a QP that another process destroys', async () => {
    const [qp] = (await guest.ask(`handles 0 ${QP}`)).split(' ');
    expect(await maker.askAll(['write 0 mr 0 64 0 mr 64', 'poll 0 1'])).to.deep.equal(['ok', 'success']);
    expect(await guest.ask(`sweep_qp 0 ${qp}`)).to.equal('ok');
    expect(await maker.askAll(['write 0 mr 0 64 0 mr 64', 'poll 0 1 300'])).to.deep.equal(['ok', 'ETIMEDOUT']);
    expect(await maker.ask('destroy_cq 0')).to.equal('ok');
  });

  it('is gone for both when the NIC goes', async () => {
    device.nic.set({gone: true});
    expect(await guest.ask(`handles 0 ${QP}`)).to.equal('EIO');
    expect(device.nic.show().live).to.include(none);
    device.nic.set({gone: false});
    expect(await maker.askAll(['query_dek 0', 'mkey 0 4'])).to.deep.equal(['EIO', 'EIO']);
  });

  it('is of the NIC that it was opened on', async () => {
    const two = await testDevice({devices: 2});
    const [sender, receiver] = [new Client(two, 'traffic.c'), new Client(two, 'traffic.c')];
    try {
      const path = join(two.directory, 'socket');
      expect(await sender.ask('open 0 mlx5_1')).to.equal('ok');
      expect(await receiver.ask(`listen ${path}`)).to.equal('ok');
      expect(await sender.ask(`hand 0 ${path}`)).to.equal('ok');
      expect(await receiver.ask('import 0')).to.equal('ok');
      expect(two.nic.show('mlx5_0').live.contexts).to.equal(0);
      expect(two.nic.show('mlx5_1').live).to.include({contexts: 1, cqs: 2, mrs: 2});
    } finally {
      await sender.end();
      await receiver.end();
      two.remove();
    }
  });

  needing('login objects').it(
    'stays whole when one is killed while it makes DEKs: the other can fill it to the limit, exactly',
    async () => {
      device.nic.set({logMaxDeks: 6});
      for (let round = 0; round < 20; round++) {
        const dek = `dek 0 256 0 ${hex(wrapDek(device.kek, keys))}`;
        maker.process.stdin!.write(`${dek}\n`.repeat(50));
        await sleep(Math.random() * 6);
        await maker.end('SIGKILL');
        const {deks} = device.nic.show().live;
        const answers = await guest.askAll(new Array<string>(65 - deks).fill(dek));
        expect(answers.pop()).to.equal('ENOMEM');
        expect(answers).to.not.include('ENOMEM');
        expect(device.nic.show().live.deks).to.equal(64);
        await guest.end('SIGKILL');
        await pair();
      }
    },
  );

  it('lives to the last close, whoever is killed first, 200 times', async () => {
    for (let round = 0; round < 200; round++) {
      const first = round % 2 === 0 ? maker : guest;
      const second = first === maker ? guest : maker;
      expect(device.nic.show().live).to.include(both);
      await first.end('SIGKILL');
      const {live} = device.nic.show();
      expect(live, `round ${round}`).to.include(both);
      expect(live.processes).to.deep.equal([second.pid]);
      // The limit of DEKs counts it as well.
      expect(await second.ask('mkey 0 4')).to.match(/^[01]$/);
      await second.end('SIGKILL');
      expect(device.nic.show().live, `round ${round}`).to.deep.include({...none, processes: [], open: []});
      if (round < 199) await pair();
    }
  });
});
