import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import {parseSettings} from '../../src/virtual/setting-words.js';
import {Client, login, wrapped} from '../support/nic/client.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {errnoOf} from '../support/nic/release.js';

const STATUS_ERRNO = [
  [0x01, 'EIO'],
  [0x02, 'EINVAL'],
  [0x03, 'EINVAL'],
  [0x05, 'EINVAL'],
  [0x06, 'EBUSY'],
  [0x08, 'ENOMEM'],
  [0x09, 'EINVAL'],
  [0x0f, 'EAGAIN'],
] as const;

describe('faults of the virtual ConnectX', () => {
  let device: TestDevice;
  let client: Client;
  let create: string;

  beforeEach(async () => {
    device = await testDevice();
    client = new Client(device);
    create = `create session 256 0 ${wrapped(device)}`;
    expect(await client.askAll(['open', 'pd'])).to.deep.equal(['ok', 'ok']);
  });
  afterEach(async () => {
    await client.end();
    device.remove();
  });

  for (const [status, errno] of STATUS_ERRNO) {
    it(`status 0x${status.toString(16)} comes out of libmlx5 as ${errno}, of a create and of a destroy`, async () => {
      expect(await client.askAll([login(device), create])).to.deep.equal(['ok', '0']);
      device.nic.set({faults: [{status, times: 'always'}]});
      expect(await client.askAll([create, 'query 0', 'destroy 0'])).to.deep.equal([
        errnoOf(errno),
        errnoOf(errno),
        errno,
      ]);
      device.nic.set({faults: []});
      expect(await client.askAll(['query 0', 'destroy 0'])).to.deep.equal(['READY', 'ok']);
    });
  }

  it('hit the command and the object that were named, as often as was said', async () => {
    device.nic.set({
      faults: [{command: 'create', object: 'dek', status: 0x0f, syndrome: 0xabcdef, times: 2}],
    });
    expect(await client.ask(login(device))).to.equal('ok');
    expect(await client.ask(`explain 256 0 ${wrapped(device)}`)).to.equal('EREMOTEIO 0xf 0xabcdef');
    expect(await client.askAll([create, create, 'query 0'])).to.deep.equal([errnoOf('EAGAIN'), '0', 'READY']);
    expect(device.nic.show().faults).to.deep.equal([
      {command: 'create', object: 'dek', status: 'no_res', syndrome: 0xabcdef, left: 0, hits: 2},
    ]);
    device.nic.set({faults: [{command: 'create', object: 'login', status: 6}]});
    expect(device.nic.show().faults).to.have.length(1);
    expect(await client.askAll(['logout', login(device), login(device)])).to.deep.equal(['ok', errnoOf('EBUSY'), 'ok']);
  });

  it('a query of the caps that fails leaves libmlx5 without caps', async () => {
    device.nic.set({faults: [{command: 'caps', times: 'always'}]});
    expect(await client.askAll(['close', 'open'])).to.deep.equal(['ok', 'ok']);
    expect(await client.ask('caps')).to.equal('selftests=0 engines=0 import=0 deks=0 flags=0');
  });

  it('a NIC that is gone answers EIO to everything, and comes back empty', async () => {
    expect(await client.askAll([login(device), create])).to.deep.equal(['ok', '0']);
    device.nic.set({gone: true});
    expect(device.nic.show().live).to.include({contexts: 0, pds: 0, logins: 0, deks: 0});
    const questions = ['pd', 'state', create, 'query 0', 'destroy 0'];
    expect(await client.askAll(questions)).to.deep.equal(questions.map(() => 'EIO'));
    const other = new Client(device);
    try {
      expect(await other.ask('list')).to.equal('mlx5_0');
      expect(await other.ask('open')).to.equal('EIO');
      device.nic.set({gone: false});
      expect(await client.askAll(questions)).to.deep.equal(questions.map(() => 'EIO'));
      expect(await other.askAll(['open', 'pd', login(device), create])).to.deep.equal(['ok', 'ok', 'ok', '0']);
    } finally {
      await other.end();
    }
    expect(await client.askAll(['close', 'open', 'pd', login(device), create])).to.deep.equal([
      'ok',
      'ok',
      'ok',
      'ok',
      '1',
    ]);
    expect(device.nic.show().live).to.include({contexts: 1, pds: 1, logins: 1, deks: 1});
  });

  it('opening fails with the errno that was set', async () => {
    device.nic.set({openErrno: 24});
    expect(await client.askAll(['close', 'open'])).to.deep.equal(['ok', 'EMFILE']);
    device.nic.set({openErrno: 0});
    expect(await client.ask('open')).to.equal('ok');
  });

  describe('DEKs turn to ERROR', () => {
    beforeEach(async () => {
      expect(await client.ask(login(device))).to.equal('ok');
      for (const name of ['one', 'two', 'three']) await client.ask(`${create} ${name}`);
    });
    const states = (): Promise<string[]> => client.askAll(['query 0', 'query 1', 'query 2']);

    it('all that exist', async () => {
      device.nic.set({dekErrors: [{which: 'all'}]});
      expect(await states()).to.deep.equal(['ERROR one', 'ERROR two', 'ERROR three']);
      expect(await client.askAll([`${create} four`, 'query 3'])).to.deep.equal(['3', 'READY four']);
      device.nic.set({dekErrors: []});
      expect(await states()).to.deep.equal(['ERROR one', 'ERROR two', 'ERROR three']);
      expect(await client.ask('destroy 0')).to.equal('ok');
    });
    it('by their opaque', async () => {
      device.nic.set({dekErrors: [{which: {opaque: Buffer.from('two')}}]});
      expect(await states()).to.deep.equal(['READY one', 'ERROR two', 'READY three']);
      expect(await client.askAll(['destroy 1', `${create} two`, 'query 3'])).to.deep.equal(['ok', '3', 'READY two']);
    });
    it('by their object id', async () => {
      // Object ids count from 1 on a new device: the login has the first.
      device.nic.set({dekErrors: [{which: {id: 4}}]});
      expect(await states()).to.deep.equal(['READY one', 'READY two', 'ERROR three']);
      expect(device.nic.show().dekErrors).to.deep.equal([{which: 'id:4', future: false, hits: 1}]);
    });
    it('also those of the future', async () => {
      device.nic.set({dekErrors: [{which: {opaque: Buffer.from('four')}, future: true}]});
      expect(await client.askAll([`${create} four`, 'query 3'])).to.deep.equal(['3', 'ERROR four']);
    });
  });

  describe('latency', () => {
    beforeEach(async () => {
      expect(await client.ask(login(device))).to.equal('ok');
      device.nic.set({latencyUs: 2000});
    });
    const threads = async (n: number): Promise<number> => {
      const [failed, seconds] = (await client.ask(`threads ${n} 10 session 256 0 ${wrapped(device)}`)).split(' ');
      expect(failed).to.equal('0');
      return Number(seconds);
    };

    it('is spent by each command', async () => {
      const seconds = await threads(1);
      expect(seconds).to.be.at.least(0.06);
    });
    it('is spent at once by as many as may run at once', async () => {
      device.nic.set({parallel: 8, latencyUs: 20_000});
      expect(await threads(8)).to.be.within(0.6, 3); // one after the other: 4.8
    });
    it('makes the others wait', async () => {
      device.nic.set({parallel: 1});
      expect(await threads(4)).to.be.at.least(0.24);
    });
    it('makes other processes wait, and none of them for a dead one', async () => {
      device.nic.set({parallel: 1});
      const other = new Client(device);
      try {
        expect(await other.askAll(['open', 'pd', login(device)])).to.deep.equal(['ok', 'ok', 'ok']);
        const question = `many 20 session 256 0 ${wrapped(device)}`;
        const begin = process.hrtime.bigint();
        await Promise.all([client.ask(question), other.ask(question)]);
        expect(Number(process.hrtime.bigint() - begin) / 1e9).to.be.at.least(0.08);
        other.process.stdin!.write(`${question}\n`);
        await other.end('SIGKILL');
        expect(await client.ask(question)).to.match(/^20 0\./);
      } finally {
        await other.end();
      }
    });
    it('does not hold others up while one sleeps', async () => {
      const other = new Client(device);
      let slow: Promise<void> | undefined;
      try {
        expect(await other.ask('list')).to.equal('mlx5_0'); // it has started
        device.nic.set({latencyUs: 1_000_000, parallel: 2});
        let isAwake = false;
        slow = client.ask(create).then(() => {
          isAwake = true;
        });
        await pause(100);
        device.nic.set({latencyUs: 0});
        expect(await other.askAll(['open', 'pd'])).to.deep.equal(['ok', 'ok']);
        expect(isAwake).to.equal(false);
      } finally {
        await other.end();
        await slow;
      }
    });
  });

  describe('a firmware that does one command after the other', () => {
    it('makes all wait for all, whatever may run at once', async () => {
      expect(await client.ask(login(device))).to.equal('ok');
      device.nic.set({parallel: 64, serviceUs: {create: 1000, query: 500, destroy: 250}});
      const question = `threads 8 10 session 256 0 ${wrapped(device)}`;
      const [failed, seconds] = (await client.ask(question)).split(' ');
      expect(failed).to.equal('0');
      expect(Number(seconds)).to.be.at.least(8 * 10 * 0.00175);
    });
    it('waits for each kind as long as was said, of all processes', async () => {
      const other = new Client(device);
      try {
        expect(await client.ask(login(device))).to.equal('ok');
        expect(await other.askAll(['open', 'pd', login(device)])).to.deep.equal(['ok', 'ok', 'ok']);
        device.nic.set({serviceUs: {create: 2000}});
        const many = `many 50 session 256 0 ${wrapped(device)}`;
        const begin = process.hrtime.bigint();
        await Promise.all([client.ask(many), other.ask(many)]);
        expect(Number(process.hrtime.bigint() - begin) / 1e9).to.be.at.least(0.2);
        device.nic.set({serviceUs: {other: 500_000}});
        const started = performance.now();
        expect(await client.askAll(['query 0', 'destroy 0'])).to.deep.equal(['READY', 'ok']);
        const between = performance.now();
        expect(await other.askAll(['close', 'open'])).to.deep.equal(['ok', 'ok']);
        expect(performance.now() - between).to.be.above(between - started);
      } finally {
        await other.end();
      }
    });
    it('has the public figures as a preset', async () => {
      device.nic.set(await parseSettings(['service-us=connectx-6dx'], async () => new Uint8Array()));
      expect(device.nic.show().serviceUs).to.deep.equal({create: 31, query: 22, destroy: 30, other: 22});
      device.nic.set(await parseSettings(['service-us=query:5,create:7'], async () => new Uint8Array()));
      expect(device.nic.show().serviceUs).to.deep.equal({create: 7, query: 5, destroy: 0, other: 0});
    });
  });
});
