import {constants} from 'node:os';
import {expect} from 'chai';
import type {LoginState} from '../../../src/dek-layout.js';
import type {DekErrorCode} from '../../../src/errors.js';
import {callFailed} from '../../../src/rdma/refusal/errno.js';
import {errnoName} from '../../../src/rdma/refusal/errno-name.js';
import type {About, Call} from '../../../src/rdma/refusal/errno-table.js';

const ALL_CALLS: Call[] = ['list', 'open', 'caps', 'pd', 'login', 'loginQuery', 'logout', 'create', 'query', 'destroy'];
const EREMOTEIO = 121;

function fails(call: Call, errno: keyof typeof constants.errno, about: Partial<About> = {}) {
  return callFailed(call, constants.errno[errno], {device: 'mlx5_0', ...about});
}

describe('errno', () => {
  const cases: [Call, keyof typeof constants.errno, Partial<About>, DekErrorCode, RegExp][] = [
    ['list', 'EPERM', {}, 'PERMISSION', /^cannot list RDMA devices: .*\(EPERM\)$/],
    ['open', 'EMFILE', {}, 'LIMIT', /^cannot open mlx5_0: too many open files/],
    ['open', 'ENOENT', {}, 'NO_DEVICE', /device node does not exist/],
    ['open', 'EINVAL', {}, 'UNSUPPORTED', /DEVX/],
    ['open', 'EOPNOTSUPP', {}, 'UNSUPPORTED', /DEVX/],
    ['open', 'EACCES', {}, 'PERMISSION', /refused access/],
    ['login', 'EEXIST', {}, 'EXISTS', /^cannot log in to mlx5_0: a login exists already \(EEXIST\)$/],
    ['login', 'EINVAL', {}, 'REFUSED', /refused the credential/],
    ['login', 'EOPNOTSUPP', {}, 'UNSUPPORTED', /not operational/],
    ['login', 'ENOMEM', {}, 'LIMIT', /another login/],
    ['loginQuery', 'EINVAL', {}, 'REFUSED', /state of the login/],
    ['logout', 'ENOENT', {}, 'NO_LOGIN', /there is no login/],
    ['create', 'ENOMEM', {maxDeks: () => 1024}, 'LIMIT', /holds at most 1024 \(ENOMEM\)$/],
    ['create', 'ENOMEM', {maxDeks: () => 0}, 'LIMIT', /no room for another DEK \(ENOMEM\)$/],
    ['create', 'EINVAL', {wrapped: true, loginState: () => 'VALID'}, 'REFUSED', /refused the wrapped key/],
    ['create', 'EINVAL', {wrapped: true, loginState: () => 'INVALID'}, 'NOT_READY', /login is INVALID/],
    ['create', 'EINVAL', {wrapped: true, loginState: () => 'NO_LOGIN'}, 'NO_LOGIN', /no login/],
    ['create', 'EINVAL', {wrapped: false, loginState: () => 'NO_LOGIN'}, 'REFUSED', /refused the plaintext key/],
    ['create', 'EOPNOTSUPP', {}, 'UNSUPPORTED', /no AES-XTS engine/],
    ['query', 'EINVAL', {wrapped: true, loginState: () => 'NO_LOGIN'}, 'NO_LOGIN', /no login/],
    ['query', 'EINVAL', {wrapped: false, loginState: () => 'NO_LOGIN'}, 'REFUSED', /state of the DEK/],
    ['create', 'EIO', {answers: () => true}, 'REFUSED', /the firmware failed/],
    ['create', 'EIO', {answers: () => false}, 'DEVICE_GONE', /stopped answering/],
    ['destroy', 'EBUSY', {}, 'BUSY', /in use/],
  ];
  for (const [call, errno, about, code, message] of cases) {
    it(`${errno} at ${call} is ${code}: ${message.source}`, () => {
      const error = fails(call, errno, about);
      expect(error.code).to.equal(code);
      expect(error.errno).to.equal(errno);
      expect(error.message).to.match(message);
    });
  }

  for (const call of ['create', 'query'] as const) {
    it(`EREMOTEIO at ${call} of a wrapped DEK tells a lost login apart, which rdma-core before 40 does not`, () => {
      const at = (loginState: LoginState) =>
        callFailed(call, EREMOTEIO, {device: 'mlx5_0', wrapped: true, loginState: () => loginState}).code;
      expect(at('INVALID')).to.equal('NOT_READY');
      expect(at('NO_LOGIN')).to.equal('NO_LOGIN');
      expect(at('VALID')).to.equal('REFUSED');
    });
  }

  for (const call of ALL_CALLS) {
    it(`means the same at ${call}: EIO, ENODEV, EAGAIN, EREMOTEIO`, () => {
      expect(fails(call, 'EIO').code).to.equal('DEVICE_GONE');
      expect(fails(call, 'ENODEV').code).to.equal('DEVICE_GONE');
      expect(fails(call, 'EAGAIN').code).to.equal('BUSY');
      const remote = callFailed(call, EREMOTEIO, {device: 'mlx5_0'});
      expect(remote.code).to.equal('REFUSED');
      expect(remote.errno).to.equal('EREMOTEIO');
      expect(remote.message).to.contain('before 40');
    });
  }

  it('keeps the number of an errno without a name', () => {
    expect(errnoName(4000)).to.equal('errno 4000');
    expect(callFailed('create', 4000, {device: 'mlx5_0'}).errno).to.equal('errno 4000');
  });

  it('does not ask the login when the errno says enough', () => {
    const loginState = () => {
      throw new Error('asked');
    };
    expect(fails('create', 'ENOMEM', {wrapped: true, loginState}).code).to.equal('LIMIT');
  });
});
