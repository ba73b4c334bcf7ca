import {randomBytes} from 'node:crypto';
import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {encodeFrames} from '../../src/rpmb/frame.js';
import {programKey} from '../../src/rpmb/operations.js';
import {messagesIn, passFrames} from '../../src/rpmb/passed.js';
import {FakeRpmb} from '../support/keys/fake-rpmb.js';

const KEY = randomBytes(32);
const write = (counter: number, address = 0): Uint8Array =>
  encodeFrames([{type: 3, data: new Uint8Array(256).fill(counter), counter, address, count: 1}], KEY);

describe('frames that are passed', () => {
  let rpmb: FakeRpmb;
  let answers: Uint8Array[];
  beforeEach(() => {
    rpmb = new FakeRpmb();
    programKey(rpmb, KEY);
    rpmb.requests.length = 0;
    answers = [];
  });
  const pass = (bytes: Uint8Array, way: 'read' | 'write', blocks?: number): void =>
    passFrames(rpmb, messagesIn(bytes, way, blocks), (answer) => answers.push(answer));

  it('arrive unchanged, one message after the other, and their answers come back as they were', () => {
    const frames = Buffer.concat([write(0), write(1, 7)]);
    frames.fill(0xa5, 0, 100); // the stuff bytes are anybody's
    pass(frames, 'write');
    expect(Buffer.concat(rpmb.requests).equals(frames)).to.equal(true);
    expect(Buffer.concat(answers).equals(Buffer.concat(rpmb.answers.slice(-2)))).to.equal(true);
    expect(rpmb.counter).to.equal(2);
  });

  it('end with the first that is refused, whose answer comes back too', () => {
    expect(() => pass(Buffer.concat([write(0), write(0), write(1)]), 'write'))
      .to.throw(DekError, /message 2 of 3 was refused: 3, the write counter is another/)
      .with.property('code', 'REFUSED');
    expect(answers).to.have.length(2);
    expect(rpmb.counter).to.equal(1);
  });

  it('read several blocks, and the counter', () => {
    pass(encodeFrames([{type: 4, address: 2, nonce: randomBytes(16)}]), 'read', 3);
    expect(answers[0]).to.have.length(3 * 512);
    pass(encodeFrames([{type: 2, nonce: randomBytes(16)}]), 'read');
    expect(answers[1]).to.have.length(512);
  });

  it('of several blocks are one message', () => {
    const two = encodeFrames(
      [
        {type: 3, count: 2},
        {type: 3, count: 2},
      ],
      KEY,
    );
    expect(messagesIn(Buffer.concat([two, write(0)]), 'write').map(({frames}) => frames.length)).to.deep.equal([
      1024, 512,
    ]);
  });

  for (const [what, bytes, way] of [
    ['nothing', new Uint8Array(0), 'read'],
    ['half a frame', new Uint8Array(700), 'read'],
    ['a key to program', encodeFrames([{type: 1}]), 'write'],
    ['a read as a write', encodeFrames([{type: 4}]), 'write'],
    ['a write as a read', write(0), 'read'],
    ['a write of no block', encodeFrames([{type: 3}]), 'write'],
    ['a write of more blocks than there are', encodeFrames([{type: 3, count: 2}]), 'write'],
    ['a request that is none', encodeFrames([{type: 6}]), 'read'],
  ] as const) {
    it(`are refused when they are ${what}, before any is passed`, () => {
      expect(() => pass(bytes, way))
        .to.throw(DekError)
        .with.property('code', 'BAD_INPUT');
      expect(rpmb.requests).to.have.length(0);
    });
  }
});
