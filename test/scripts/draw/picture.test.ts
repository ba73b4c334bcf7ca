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

  it('is refused when a line has no meaning, or names what is not there', () => {
    expect(() => drawPicture('circle | a')).to.throw('line 1: "circle" is not a kind of line');
    expect(() => drawPicture('column | a | A\nbox | b | c 0 | B | b')).to.throw('line 2: there is no "c" above it');
    expect(() => drawPicture('arrow | a | b |')).to.throw('line 1: there is no "a" above it');
  });
});
