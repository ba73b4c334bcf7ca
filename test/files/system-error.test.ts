import {expect} from 'chai';
import {DekError} from '../../src/errors.js';
import {systemError} from '../../src/files/system-error.js';

function error(code: string): Error {
  return Object.assign(new Error(`${code}: something, open '/a/path'`), {code});
}

describe('system error', () => {
  for (const [attempt, errno, code, message] of [
    ['read', 'ENOENT', 'NO_INPUT', 'cannot read x: no such file or directory'],
    ['read', 'ENOTDIR', 'NO_INPUT', 'cannot read x: not a directory'],
    ['read', 'EBADF', 'NO_INPUT', 'cannot read x: it is not open for reading'],
    ['read', 'EISDIR', 'BAD_INPUT', 'cannot read x: illegal operation on a directory'],
    ['read', 'EACCES', 'PERMISSION', 'cannot read x: permission denied'],
    ['read', 'ELOOP', 'IO', 'cannot read x: too many symbolic links encountered'],
    ['read', 'EMFILE', 'LIMIT', 'cannot read x: too many open files'],
    ['write', 'ENOENT', 'IO', 'cannot write x: no such file or directory'],
    ['write', 'EROFS', 'PERMISSION', 'cannot write x: read-only file system'],
    ['write', 'ENOSPC', 'IO', 'cannot write x: no space left on device'],
    ['write', 'EEXIST', 'EXISTS', 'x exists'],
    ['make', 'EEXIST', 'BAD_ARGUMENT', 'cannot make x: not a directory'],
    ['make', 'EPERM', 'PERMISSION', 'cannot make x: operation not permitted'],
    ['read', 'ERR_INVALID_ARG_VALUE', 'BAD_ARGUMENT', 'x is not a path'],
    ['read', 'EODD', 'IO', 'cannot read x: EODD'],
  ] as const) {
    it(`${errno} at a ${attempt}`, () => {
      const shown = systemError(attempt, 'x', error(errno));
      expect([shown.code, shown.message]).to.deep.equal([code, message]);
    });
  }

  it('keeps a DekError, the errno, and the hint where the errno has none', () => {
    const ours = new DekError('BUSY', 'mine');
    expect(systemError('read', 'x', ours)).to.equal(ours);
    expect(systemError('read', 'x', error('EIO'), {hint: 'do'})).to.include({errno: 'EIO', hint: 'do'});
    expect(systemError('read', 'x', error('EMFILE'), {hint: 'do'}).hint).to.include('ulimit -n');
  });

  it('says "" for an empty path, and takes another code for what is missing', () => {
    expect(systemError('read', '', error('ENOENT')).message).to.equal('cannot read "": no such file or directory');
    expect(systemError('read', 'x', error('ENOENT'), {missing: 'NO_DEVICE'}).code).to.equal('NO_DEVICE');
  });
});
