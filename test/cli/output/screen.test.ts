import {expect} from 'chai';
import {ENDLESS, painted, screen, shortened} from '../../../src/cli/output/screen.js';

describe('screen', () => {
  const terminal = {isTTY: true, columns: 100};

  for (const [what, stream, env, expected] of [
    ['a terminal', terminal, {}, {width: 100, colour: true}],
    ['a pipe, whatever COLUMNS says', {}, {COLUMNS: '40'}, ENDLESS],
    ['COLUMNS before what the terminal says', terminal, {COLUMNS: '40'}, {width: 40, colour: true}],
    ['no width that is none', terminal, {COLUMNS: 'wide'}, {width: 100, colour: true}],
    ['80 columns where the terminal says none', {isTTY: true, columns: 0}, {}, {width: 80, colour: true}],
    ['NO_COLOR', terminal, {NO_COLOR: '1'}, {width: 100, colour: false}],
    ['a terminal without colours', terminal, {TERM: 'dumb'}, {width: 100, colour: false}],
  ] as const) {
    it(`is ${what}`, () => {
      expect(screen(stream, env)).to.deep.equal(expected);
    });
  }

  it('shortens in the middle', () => {
    expect(shortened('storage-0001.example.com', 15)).to.equal('storag...le.com');
    expect([0, 1, 3, 4, 5].map((width) => shortened('volume', width))).to.deep.equal(['', 'v', 'vol', 'v...', 'v...e']);
    expect(shortened('vol-1', 5)).to.equal('vol-1');
  });

  it('paints the state at the beginning of a line, and only with colours', () => {
    const on = {width: 80, colour: true};
    expect(painted('state:     NOT READY: login', on)).to.equal('state:     \x1b[31mNOT READY\x1b[0m: login');
    expect(painted('well   node-1', on)).to.equal('\x1b[32mwell\x1b[0m   node-1');
    expect(painted('vol-1  READY', on)).to.equal('vol-1  READY');
    expect(painted('READY', ENDLESS)).to.equal('READY');
  });
});
