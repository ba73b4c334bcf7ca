import fs from 'node:fs';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {drawPicture} from '../../../scripts/draw/picture.js';

const DOCS = fileURLToPath(new URL('../../../../docs/', import.meta.url));
const SOURCE = fs.readFileSync(`${DOCS}architecture.pic`, 'utf8');

describe('a picture of the documents', () => {
  for (const file of fs.readdirSync(DOCS).filter((name) => name.endsWith('.pic'))) {
    it(`is the one that ${file} gives: npm run picture`, () => {
      const picture = fs.readFileSync(`${DOCS}${file.replace(/pic$/, 'svg')}`, 'utf8');
      expect(picture).to.equal(drawPicture(fs.readFileSync(`${DOCS}${file}`, 'utf8')));
    });
  }

  it('names files and folders that are there', () => {
    const named = SOURCE.match(/\b(src|bin)\/[\w./-]*/g)!;
    expect(named.filter((path) => !fs.existsSync(`${DOCS}../${path}`))).to.deep.equal([]);
  });

  it('marks what is a key in plaintext, and says so', () => {
    const picture = drawPicture('title | T\ncolumn | a | A\nsecret | k | a 0 | KEK | 32 bytes\nbox | b | a 1 | B | b');
    expect(picture.match(/class="(secret|box)"/g)).to.deep.equal(['class="secret"', 'class="box"', 'class="secret"']);
    expect(picture).to.include('a key in plaintext');
  });

  it('has arrows up and down, and to both sides', () => {
    const boxes = ['a 0', 'a 1', 'b 0'].map((place, i) => `box | ${i} | ${place} | N | n`);
    const drawn = (from: number, to: number): string =>
      drawPicture(['column | a | A', 'column | b | B', ...boxes, `arrow | ${from} | ${to} |`].join('\n'));
    const ways = [drawn(0, 1), drawn(1, 0), drawn(0, 2), drawn(2, 0)].map((picture) => {
      return /class="arrow" d="M(\d+) (\d+)([VH])(\d+)"/.exec(picture)!.slice(1);
    });
    expect(ways.map(([x, y, way, end]) => [way, Number(end) - Number(way === 'V' ? y : x) > 0])).to.deep.equal([
      ['V', true],
      ['V', false],
      ['H', true],
      ['H', false],
    ]);
    expect(() => drawn(1, 2)).to.throw('stays in its row');
  });

  it('is refused when a line has no meaning, or names what is not there', () => {
    expect(() => drawPicture('circle | a')).to.throw('line 1: "circle" is not a kind of line');
    expect(() => drawPicture('column | a | A\nbox | b | c 0 | B | b')).to.throw('line 2: there is no "c" above it');
    expect(() => drawPicture('arrow | a | b |')).to.throw('line 1: there is no "a" above it');
  });
});
