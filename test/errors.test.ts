import {expect} from 'chai';
import {DekError, errorJson, withMessage} from '../src/errors.js';

describe('an error with another message', () => {
  const firmware = {status: 'BAD_PARAM', syndrome: '0x000d000b'};
  const error = new DekError('REFUSED', 'refused', {hint: 'look', errno: 'EINVAL', firmware});

  it('keeps its code, its next step, and what the system and the firmware said', () => {
    const more = withMessage(error, 'vol-1: refused');
    expect(errorJson(more).error).to.deep.equal({...errorJson(error).error, message: 'vol-1: refused'});
    expect(more.cause).to.equal(error);
  });

  it('may get another next step', () => {
    expect(withMessage(error, 'refused', 'look again').hint).to.equal('look again');
  });
});
