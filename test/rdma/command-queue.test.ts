import {setImmediate as turnOfTheLoop} from 'node:timers/promises';
import {expect} from 'chai';
import {CallSlots, CommandQueue, type Commands} from '../../src/rdma/command-queue.js';
import {until} from '../support/until.js';

/** Commands that keep this thread busy for `hereMs`, or the pool for `poolMs` (0: until the next turn). */
class Counted implements Commands {
  readonly started: {where: 'here' | 'pool'; index: number}[] = [];
  underWay = 0;
  most = 0;
  readonly count: number;
  readonly #hereMs: number;
  readonly #poolMs: number;

  constructor(count: number, hereMs: number, poolMs: number) {
    this.count = count;
    this.#hereMs = hereMs;
    this.#poolMs = poolMs;
  }

  now(index: number): void {
    expect(this.underWay).to.equal(0);
    this.started.push({where: 'here', index});
    for (const end = performance.now() + this.#hereMs; performance.now() < end; );
  }

  start(index: number, done: () => void): boolean {
    this.started.push({where: 'pool', index});
    this.most = Math.max(this.most, ++this.underWay);
    const end = () => {
      this.underWay--;
      done();
    };
    if (this.#poolMs === 0) setImmediate(end);
    else setTimeout(end, this.#poolMs);
    return true;
  }

  get indexes(): number[] {
    return this.started.map(({index}) => index);
  }

  in(where: 'here' | 'pool'): number {
    return this.started.filter((command) => command.where === where).length;
  }
}

const upTo = (count: number) => Array.from({length: count}, (_, i) => i);

describe('command queue', () => {
  it('keep as many commands under way as there is room, in order, off this thread when the NIC is slow', async () => {
    const work = new Counted(100, 0, 3);
    await new CommandQueue(new CallSlots(8)).run(work);
    expect(work.indexes).to.deep.equal(upTo(100));
    expect(work.in('here')).to.equal(0);
    expect(work.most).to.equal(8);
    expect(work.underWay).to.equal(0);
  });

  it('run commands on this thread when the NIC answers at once, and let the event loop turn', async () => {
    const queue = new CommandQueue(new CallSlots(4));
    const work = new Counted(2000, 0.01, 0);
    let turns = 0;
    const turn = () => {
      turns++;
      if (queue.busy) setImmediate(turn);
    };
    const done = queue.run(work);
    turn();
    await done;
    expect(work.indexes).to.deep.equal(upTo(2000));
    expect(work.in('here')).to.be.greaterThan(0);
    // 2000 commands of 10 us are 20 ms: a millisecond a turn.
    expect(turns).to.be.greaterThan(10);
  });

  it('run commands on this thread from the first one on when the NIC answered another at once', async () => {
    const queue = new CommandQueue(new CallSlots(4));
    queue.answered(0.1);
    const work = new Counted(300, 0.001, 0);
    await queue.run(work);
    expect(work.in('here')).to.equal(300);
  });

  it('keep a small batch off this thread however fast the NIC answers: at each the firmware may hang', async () => {
    const queue = new CommandQueue(new CallSlots(4));
    const [large, small] = [new Counted(300, 0.001, 0), new Counted(256, 0, 0)];
    queue.answered(0.1);
    await Promise.all([queue.run(large), queue.run(small)]);
    expect(large.in('here')).to.be.greaterThan(0);
    expect(small.in('here')).to.equal(0);
  });

  it('stay on the pool when the NIC took long for another', async () => {
    const queue = new CommandQueue(new CallSlots(4));
    queue.answered(20);
    const work = new Counted(100, 0, 3);
    await queue.run(work);
    expect(work.in('here')).to.equal(0);
  });

  it('go back to the pool after a few commands that took long on this thread', async () => {
    const work = new Counted(500, 0.2, 0);
    await new CommandQueue(new CallSlots(4)).run(work);
    expect(work.indexes).to.deep.equal(upTo(500));
    expect(work.in('here')).to.be.lessThan(50);
  });

  it('let the event loop turn after each command of a NIC that begins to take long', async () => {
    const queue = new CommandQueue(new CallSlots(4));
    queue.answered(0.1);
    const work = new Counted(300, 2, 0);
    let [before, most] = [0, 0];
    const turn = () => {
      most = Math.max(most, work.in('here') - before);
      before = work.in('here');
      if (queue.busy) setImmediate(turn);
    };
    const done = queue.run(work);
    turn();
    await done;
    expect(most).to.equal(1);
  });

  for (const [title, tookMs] of [
    ['was not asked for a while', []],
    ['took long for the last one', [0.1, 5001]],
  ] as const) {
    it(`give a NIC that ${title} one command, and the others when it has answered`, async () => {
      const queue = new CommandQueue(new CallSlots(8));
      for (const ms of tookMs) queue.answered(ms);
      let answer = (): void => {};
      const started: number[] = [];
      const done = queue.run({
        count: 20,
        now: () => {},
        start: (index, end) => {
          started.push(index);
          if (index === 0) answer = end;
          else setImmediate(end);
          return true;
        },
      });
      const other = queue.run(new Counted(5, 0, 0));
      await until(() => started.length > 0);
      for (let turns = 0; turns < 10; turns++) await turnOfTheLoop();
      expect(started).to.deep.equal([0]);
      answer();
      await Promise.all([done, other]);
      expect(started).to.deep.equal(upTo(20));
    });
  }

  it('leave room to the next who waits when the first does not want it any more', () => {
    const room = new CallSlots(1);
    room.take(() => {});
    const given: boolean[] = [];
    room.take(() => {});
    room.take(() => given.push(room.take(() => {})));
    room.give();
    expect(given).to.deep.equal([true]);
  });

  it('run batches one after the other, and start the next when the first has no command left', async () => {
    const queue = new CommandQueue(new CallSlots(4));
    const [first, second] = [new Counted(6, 0, 2), new Counted(6, 0, 2)];
    const ended: string[] = [];
    await Promise.all([
      queue.run(first).then(() => ended.push('first')),
      queue.run(second).then(() => ended.push('second')),
    ]);
    expect(ended).to.deep.equal(['first', 'second']);
    expect(second.indexes).to.deep.equal(upTo(6));
  });

  it('count a command that was not needed as done', async () => {
    let calls = 0;
    await new CommandQueue(new CallSlots(4)).run({
      count: 50_000,
      now: () => void calls++,
      start: () => {
        calls++;
        return false;
      },
    });
    expect(calls).to.equal(50_000);
  });

  it('share their room fairly', async () => {
    const room = new CallSlots(4);
    const [first, second] = [new Counted(40, 0, 2), new Counted(40, 0, 2)];
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, first.underWay + second.underWay);
    }, 1);
    const firstDone = new CommandQueue(room).run(first).then(() => second.started.length);
    const secondDone = new CommandQueue(room).run(second);
    const startedMeanwhile = await firstDone;
    await secondDone;
    clearInterval(watch);
    expect(most).to.be.within(1, 4);
    expect(startedMeanwhile).to.be.greaterThan(20);
    expect(second.indexes).to.deep.equal(upTo(40));
  });

  it('are busy until the last command has ended', async () => {
    const queue = new CommandQueue(new CallSlots(2));
    expect(queue.busy).to.equal(false);
    await queue.idle();
    const work = new Counted(5, 0, 2);
    const done = queue.run(work);
    expect(queue.busy).to.equal(true);
    await queue.idle();
    expect([queue.busy, work.started.length, work.underWay]).to.deep.equal([false, 5, 0]);
    await done;
  });

  it('have nothing to do for no commands', async () => {
    const queue = new CommandQueue(new CallSlots(2));
    const done = queue.run(new Counted(0, 0, 0));
    expect(queue.busy).to.equal(false);
    await done;
  });
});
