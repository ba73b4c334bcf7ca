import {expect} from 'chai';
import {Client} from '../support/nic/client.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {compileProgram} from '../support/process/compile.js';

/** What traffic.c fills memory with. */
function pattern(bytes: number, seed: number): string {
  return Buffer.from(Array.from({length: bytes}, (_, i) => (i * 7 + (i >> 8) * 13 + seed) & 255)).toString('hex');
}

describe('the data path of the virtual ConnectX', () => {
  let device: TestDevice;
  let client: Client;

  beforeEach(async () => {
    device = await testDevice();
    client = new Client(device, 'traffic.c');
  });
  afterEach(async () => {
    await client.end();
    device.remove();
  });

  /** Two contexts with a QP each, connected with each other: QP 0 and 1. */
  async function connected(): Promise<void> {
    const questions = ['open 0', 'open 1', 'qp 0', 'qp 1', 'connect 0 1'];
    expect(await client.askAll(questions)).to.deep.equal(['ok', 'ok', '0', '1', 'ok']);
  }

  /** One QP that is connected with itself by force loopback. */
  async function looped(): Promise<void> {
    expect(await client.askAll(['open 0', 'qp 0', 'loop 0'])).to.deep.equal(['ok', '0', 'ok']);
  }

  describe('moves', () => {
    it('what is sent to what was posted for receiving, in order', async () => {
      await connected();
      await client.askAll(['fill 0 0 4096 3', 'recv 1 mr 0 4096', 'recv 1 mr 8192 100', 'send 0 mr 0 4096']);
      expect(await client.ask('send 0 mr 10 33')).to.equal('ok');
      expect(await client.ask('poll 0 2')).to.equal('success success');
      expect(await client.ask('poll 1 2')).to.equal('success/4096 success/33');
      expect(await client.ask('get 1 0 4096')).to.equal(pattern(4096, 3));
      expect(await client.ask('get 1 8192 40')).to.equal(`${pattern(4096, 3).slice(20, 86)}${'00'.repeat(7)}`);
    });
    it('what is sent inline, with immediate data, from two places to two others, and nothing at all', async () => {
      await connected();
      await client.askAll(['fill 0 0 1024 5', 'recv 1 mr 0 1000', 'send 0 mr 0 200 inline']);
      await client.askAll(['recv 1 mr 2000 100 mr 3000 1000', 'send 0 mr 0 150 imm mr 500 60']);
      await client.askAll(['recv 1 mr 0 0', 'send 0 mr 0 0']);
      expect(await client.ask('poll 1 3')).to.equal('success/200 success/210/imm success/0');
      expect(await client.ask('poll 0 3')).to.not.include('error');
      const sent = pattern(1024, 5);
      expect(await client.ask('get 1 0 200')).to.equal(sent.slice(0, 400));
      expect(await client.ask('get 1 2000 100')).to.equal(sent.slice(0, 200));
      expect(await client.ask('get 1 3000 110')).to.equal(sent.slice(200, 300) + sent.slice(1000, 1120));
    });
    for (const how of ['connect 0 0', 'loop 0']) {
      it(`by RDMA WRITE and READ within one QP, "${how}"`, async () => {
        expect(await client.askAll(['open 0', 'qp 0', how, 'fill 0 0 5000 9'])).to.deep.equal(['ok', '0', 'ok', 'ok']);
        expect(await client.askAll(['write 0 mr 0 5000 0 mr 100000', 'poll 0 1'])).to.deep.equal(['ok', 'success']);
        expect(await client.askAll(['read 0 mr 200000 5000 0 mr 100000', 'poll 0 1'])).to.deep.equal([
          'ok',
          'success/5000',
        ]);
        expect(await client.ask('get 0 200000 5000')).to.equal(pattern(5000, 9));
      });
    }
    it('by RDMA WRITE with immediate data, which takes a receive', async () => {
      await connected();
      await client.askAll(['fill 0 0 64 1', 'recv 1 mr 0 0', 'write_imm 0 mr 0 64 1 mr 4096']);
      expect(await client.ask('poll 1 1')).to.equal('success/64/imm');
      expect(await client.ask('poll 0 1')).to.match(/^success/);
      expect(await client.ask('get 1 4096 64')).to.equal(pattern(64, 1));
    });
    it('4 MiB, while other calls go on', async () => {
      await looped();
      await client.ask('fill 0 0 4194304 77');
      expect(await client.ask('write 0 mr 0 4194303 0 mr 4194304')).to.equal('ok');
      expect(await client.askAll(['mkey 0 4', 'qp 0', 'destroy_qp 1'])).to.deep.equal(['0', '1', 'ok']);
      expect(await client.ask('poll 0 1')).to.match(/^success/);
      const end = pattern(4194304, 77);
      expect(await client.ask('get 0 8380416 8190')).to.equal(end.slice(2 * (8380416 - 4194304), -4));
      expect(await client.ask('get 0 4194304 4096')).to.equal(end.slice(0, 8192));
    });
    it('more than its queues have room for, again and again', async () => {
      await looped();
      for (let round = 0; round < 40; round++) {
        const writes = Array.from({length: 20}, (_, i) => `write 0 mr ${i} 64 0 mr ${65536 + 64 * i}`);
        expect(new Set(await client.askAll(writes))).to.deep.equal(new Set(['ok']));
        expect(await client.ask('poll 0 20')).to.not.include('error');
      }
      expect(device.nic.show().total.workRequests).to.equal(800);
    });
  });

  it('tells once that a shared receive queue is below its limit, also one that does not listen', () => {
    const {stdout} = device.run(compileProgram('virtual/srq-limit.c', ['-libverbs']));
    expect(stdout.trim().split('\n')).to.deep.equal([
      'not below: 0, told 0',
      'below: 0, told 1',
      'read: 0, event 15, of the first 1',
      'limit: 0',
      'gone: 0, told 0',
    ]);
  });

  describe('refuses', () => {
    const LOCAL = 'local protection error';
    const ACCESS = 'remote access error';

    it('memory that a key does not name, and flushes what comes after', async () => {
      await connected();
      await client.askAll(['recv 0 mr 0 64', 'write 0 mr 0 64 1 mr 8388600', 'write 0 mr 0 64 1 mr 0']);
      expect(await client.ask('poll 0 3')).to.equal(`${ACCESS} Work Request Flushed Error Work Request Flushed Error`);
      expect(await client.ask('query_qp 0')).to.equal('6');
      expect(await client.ask('write 0 mr 0 64 1 mr 0')).to.equal('ok');
      expect(await client.ask('poll 0 1')).to.equal('Work Request Flushed Error');
    });
    it('what is posted for receiving on a QP in ERROR, as what is posted before', async () => {
      await looped();
      await client.askAll(['recv 0 mr 0 64', 'state 0 ERR', 'recv 0 mr 0 64']);
      expect(await client.ask('poll 0 2')).to.equal('Work Request Flushed Error Work Request Flushed Error');
    });
    it('the same on one that was never ready to send', async () => {
      await client.askAll(['open 0', 'qp 0', 'state 0 INIT', 'state 0 ERR', 'recv 0 mr 0 64']);
      expect(await client.ask('poll 0 1')).to.equal('Work Request Flushed Error');
    });
    it('memory that is gone after it was registered, without harm to the program', async () => {
      await looped();
      expect(await client.askAll(['unmap 0 65536 4096', 'write 0 mr 65536 64 0 mr 0', 'poll 0 1'])).to.deep.equal([
        'ok',
        'ok',
        LOCAL,
      ]);
      expect(await client.askAll(['state 0 RESET', 'loop 0', 'write 0 mr 0 64 0 mr 65536', 'poll 0 1'])).to.deep.equal([
        'ok',
        'ok',
        'ok',
        ACCESS,
      ]);
    });
    it('a key that is deregistered', async () => {
      await looped();
      await client.askAll(['mkey 0 4 plain', 'umr 0 0 list 0:4096', 'poll 0 1']);
      expect(await client.askAll(['write 0 k0 0 64 0 mr 65536', 'poll 0 1'])).to.deep.equal(['ok', 'success']);
      expect(await client.askAll(['dereg 0', 'write 0 k0 0 64 0 k0 64', 'poll 0 1'])).to.deep.equal([
        'ok',
        'ok',
        LOCAL,
      ]);
    });
    it('a message that is longer than the receive', async () => {
      await connected();
      await client.askAll(['recv 1 mr 0 63', 'send 0 mr 0 64']);
      expect(await client.askAll(['poll 0 1', 'poll 1 1'])).to.deep.equal([
        'remote invalid request error',
        'local length error',
      ]);
    });
    it('a message for which no receive is posted, after a while', async () => {
      await connected();
      expect(await client.askAll(['send 0 mr 0 64', 'poll 0 1'])).to.deep.equal(['ok', 'RNR retry counter exceeded']);
    });
    it('a message through no key, also while no receive is posted', async () => {
      await connected();
      await client.askAll(['mkey 0 4 plain', 'send 0 k0 0 64']); // which names nothing yet
      expect(await client.ask('poll 0 1')).to.equal(LOCAL);
      expect(await client.ask('query_qp 1'), 'the peer goes on').to.equal('3');
    });
    it('a message to a peer that is gone', async () => {
      await connected();
      expect(await client.askAll(['destroy_qp 1', 'write 0 mr 0 64 1 mr 0', 'poll 0 1'])).to.deep.equal([
        'ok',
        'ok',
        'transport retry counter exceeded',
      ]);
    });
    it('keys of another context', async () => {
      await connected();
      expect(await client.askAll(['write 0 mr 0 64 0 mr 0', 'poll 0 1'])).to.deep.equal(['ok', ACCESS]);
    });
    it('to destroy what is in use', async () => {
      await looped();
      expect(await client.askAll(['destroy_cq 0', 'dealloc 0'])).to.deep.equal(['EBUSY', 'EBUSY']);
      expect(await client.askAll(['destroy_qp 0', 'destroy_cq 0', 'dealloc 0'])).to.deep.equal(['ok', 'ok', 'EBUSY']);
      expect(await client.askAll(['dereg 0', 'dealloc 0'])).to.deep.equal(['ok', 'ok']);
    });
    it('a state after a wrong one', async () => {
      await looped();
      expect(await client.ask('connect 0 0')).to.equal('EINVAL');
      expect(await client.askAll(['state 0 RESET', 'connect 0 0'])).to.deep.equal(['ok', 'ok']);
    });
  });

  describe('refuses a firmware command of force loopback', () => {
    const RESERVED = 'refused 0x3 0xd0017';
    const CONTEXT = 'refused 0x3 0xd0015';
    const cases: readonly [string, string, string][] = [
      ['without the migration state', `0 ${24 + 2} 0x18`, CONTEXT],
      ['for a port that is not there', `0 ${24 + 24 + 37} 3`, CONTEXT],
      ['with the port a byte further on', `0 ${24 + 24 + 38} 1`, RESERVED],
      ['with another QP type', `0 ${24 + 1} 1`, RESERVED],
      ['with a user id', '0 3 1', RESERVED],
      ['with an op_mod', '1 7 1', RESERVED],
      ['without an MTU', `1 ${24 + 8} 0x60`, CONTEXT],
      ['with messages that are too long', `1 ${24 + 8} 1`, CONTEXT],
      ['with the loopback bit in the wrong place', `1 ${24 + 25} 0x80`, RESERVED],
      ['with retries in the wrong place', `2 ${24 + 115} 0x80`, RESERVED],
      ['with bits behind the QP context', '2 271 1', RESERVED],
    ];
    for (const [title, wrong, answer] of cases) {
      it(title, async () => {
        expect(await client.askAll(['open 0', 'qp 0', `loop 0 ${wrong}`])).to.deep.equal(['ok', '0', answer]);
        expect(await client.askAll(['state 0 RESET', 'loop 0'])).to.deep.equal(['ok', 'ok']);
      });
    }
  });

  it('is counted', async () => {
    await connected();
    await client.ask('mkey 0 4');
    const {live} = device.nic.show();
    expect(live).to.include({contexts: 2, cqs: 2, qps: 2, mrs: 2, mkeys: 1});
    expect(live.open.map(({mkeys, processes}) => ({mkeys, processes}))).to.deep.equal([
      {mkeys: 1, processes: [client.pid]},
      {mkeys: 0, processes: [client.pid]},
    ]);
  });

  it('goes on after a fork, whose child has its own', async () => {
    await looped();
    expect(await client.ask('fork')).to.equal('0');
    expect(await client.askAll(['fill 0 0 64 1', 'write 0 mr 0 64 0 mr 4096', 'poll 0 1'])).to.deep.equal([
      'ok',
      'ok',
      'success',
    ]);
    expect(await client.ask('get 0 4096 64')).to.equal(pattern(64, 1));
  });

  it('is shared by threads, each with a context of its own, that come and go', async () => {
    expect(await client.ask('threads 8 300')).to.equal('0');
    expect(await client.ask('threads 8 300')).to.equal('0');
    expect(device.nic.show().live).to.include({contexts: 0, qps: 0});
    expect(device.nic.show().total).to.include({contexts: 16, workRequests: 4800});
  });

  it('ends with the descriptor, under a live QP, and the program lives on', async () => {
    await looped();
    expect(await client.askAll(['write 0 mr 0 4194304 0 mr 4194304', 'close_fd 0'])).to.deep.equal(['ok', 'ok']);
    expect(await client.askAll(['open 1', 'qp 1', 'loop 1', 'write 1 mr 0 64 1 mr 64', 'poll 1 1'])).to.deep.equal([
      'ok',
      '1',
      'ok',
      'ok',
      'success',
    ]);
  });

  it('has no thread before a QP is ready to send, and none after', async () => {
    const threads = async (): Promise<number> =>
      (await import('node:fs')).readdirSync(`/proc/${client.pid}/task`).length;
    expect(await client.askAll(['open 0', 'qp 0'])).to.deep.equal(['ok', '0']);
    expect(await threads()).to.equal(1);
    await client.ask('loop 0');
    expect(await threads()).to.equal(2);
    await client.ask('destroy_qp 0');
    for (let i = 0; i < 200 && (await threads()) > 1; i++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await threads()).to.equal(1);
  });
});
