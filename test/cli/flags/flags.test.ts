import {expect} from 'chai';
import {parseId} from '../../../src/cli/flags/flags.js';
import {thrownBy} from '../../support/process/errors-thrown.js';

describe('flags', () => {
  for (const [text, id] of [
    ['0', 0],
    ['16', 16],
    ['010', 10],
    ['0x10', 16],
    ['0XfF', 255],
    ['16777215', 0xffffff],
    ['0xffffff', 0xffffff],
    ['0x000ffffff', 0xffffff],
  ] as const) {
    it(`reads the id ${text}`, () => {
      expect(parseId(text, '--id')).to.equal(id);
    });
  }

  for (const text of [
    '',
    '-1',
    '+1',
    '1.5',
    '1e3',
    '0x',
    '0xg',
    ' 1',
    '1 ',
    '1\n',
    'ff',
    '16777216',
    '0x1000000',
    'NaN',
  ]) {
    it(`refuses the id ${JSON.stringify(text)}`, async () => {
      const error = await thrownBy(() => parseId(text, '--id'));
      expect(error.code).to.equal('BAD_ARGUMENT');
      expect(error.message).to.equal(`--id expected an id from 0 to 0xffffff, got "${text}"`);
    });
  }
});
