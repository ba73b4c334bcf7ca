import {expect} from 'chai';
import {Lanes, Room, type Work} from '../../src/rdma/lanes.js';

/** Commands that keep this thread busy for `hereMs`, or the pool for `poolMs` (0: until the next turn). */
class Commands implements Work {
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

describe('lanes', () => {
  it('keep as many commands under way as there is room, in order, off this thread when the NIC is slow', async () => {
    const work = new Commands(100, 0, 3);
    await new Lanes(new Room(8)).run(work);
    expect(work.indexes).to.deep.equal(upTo(100));
    expect(work.in('here')).to.equal(0);
    expect(work.most).to.equal(8);
    expect(work.underWay).to.equal(0);
  });

  it('run commands on this thread when the NIC answers at once, and let the event loop turn', async () => {
    const lanes = new Lanes(new Room(4));
    const work = new Commands(2000, 0.01, 0);
    let turns = 0;
    const turn = () => {
      turns++;
      if (lanes.busy) setImmediate(turn);
    };
    const done = lanes.run(work);
    turn();
    await done;
    expect(work.indexes).to.deep.equal(upTo(2000));
    expect(work.in('here')).to.be.greaterThan(0);
    // 2000 commands of 10 us are 20 ms: a millisecond a turn.
    expect(turns).to.be.greaterThan(10);
  });

  it('run commands on this thread from the first one on when the NIC answered another at once', async () => {
    const lanes = new Lanes(new Room(4));
    lanes.answered(0.1);
    const work = new Commands(100, 0.01, 0);
    await lanes.run(work);
    expect(work.in('here')).to.equal(100);
  });

  it('stay on the pool when the NIC took long for another', async () => {
    const lanes = new Lanes(new Room(4));
    lanes.answered(20);
    const work = new Commands(100, 0, 3);
    await lanes.run(work);
    expect(work.in('here')).to.equal(0);
  });

  it('go back to the pool after a few commands that took long on this thread', async () => {
    const work = new Commands(500, 0.2, 0);
    await new Lanes(new Room(4)).run(work);
    expect(work.indexes).to.deep.equal(upTo(500));
    expect(work.in('here')).to.be.lessThan(50);
  });

  it('let the event loop turn after each command of a NIC that begins to take long', async () => {
    const lanes = new Lanes(new Room(4));
    lanes.answered(0.1);
    const work = new Commands(20, 2, 0);
    let [before, most] = [0, 0];
    const turn = () => {
      most = Math.max(most, work.in('here') - before);
      before = work.in('here');
      if (lanes.busy) setImmediate(turn);
    };
    const done = lanes.run(work);
    turn();
    await done;
    expect(most).to.equal(1);
  });

  it('run batches one after the other, and start the next when the first has no command left', async () => {
    const lanes = new Lanes(new Room(4));
    const [first, second] = [new Commands(6, 0, 2), new Commands(6, 0, 2)];
    const ended: string[] = [];
    await Promise.all([
      lanes.run(first).then(() => ended.push('first')),
      lanes.run(second).then(() => ended.push('second')),
    ]);
    expect(ended).to.deep.equal(['first', 'second']);
    expect(second.indexes).to.deep.equal(upTo(6));
  });

  it('count a command that was not needed as done', async () => {
    let calls = 0;
    await new Lanes(new Room(4)).run({
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
    const room = new Room(4);
    const [first, second] = [new Commands(40, 0, 2), new Commands(40, 0, 2)];
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, first.underWay + second.underWay);
    }, 1);
    const firstDone = new Lanes(room).run(first).then(() => second.started.length);
    const secondDone = new Lanes(room).run(second);
    const startedMeanwhile = await firstDone;
    await secondDone;
    clearInterval(watch);
    expect(most).to.be.within(1, 4);
    expect(startedMeanwhile).to.be.greaterThan(20);
    expect(second.indexes).to.deep.equal(upTo(40));
  });

  it('are busy until the last command has ended', async () => {
    const lanes = new Lanes(new Room(2));
    expect(lanes.busy).to.equal(false);
    await lanes.idle();
    const work = new Commands(5, 0, 2);
    const done = lanes.run(work);
    expect(lanes.busy).to.equal(true);
    await lanes.idle();
    expect([lanes.busy, work.started.length, work.underWay]).to.deep.equal([false, 5, 0]);
    await done;
  });

  it('have nothing to do for no commands', async () => {
    const lanes = new Lanes(new Room(2));
    const done = lanes.run(new Commands(0, 0, 0));
    expect(lanes.busy).to.equal(false);
    await done;
  });
});
