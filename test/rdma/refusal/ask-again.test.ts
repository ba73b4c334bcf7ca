import {constants} from 'node:os';
import {expect} from 'chai';
import {createDek} from '../../../src/rdma/dek/create.js';
import {createLogin} from '../../../src/rdma/login.js';
import {refusals} from '../../../src/rdma/refusal/refusals.js';
import {FakeLibrary} from '../../support/nic/fake-library.js';

const {EBUSY, EINVAL} = constants.errno;
const KEY = new Uint8Array(40).fill(0xa5);
const LOGIN = {credential: new Uint8Array(48).fill(0xa5), credentialId: 0x010203, importKekId: 0x040506};

const logIn = (fake: FakeLibrary) => fake.context.here(createLogin(fake.context, 'object', LOGIN));

/** The command that was sent once more, as it was sent and as it is now. */
function askedOnceMore(fake: FakeLibrary): {struct: Uint8Array; live: Uint8Array} {
  const asked = fake.calls.filter(({name}) => name === 'mlx5dv_devx_obj_create');
  expect(asked).to.have.length(1);
  return {struct: asked[0]!.struct!, live: asked[0]!.live!};
}

describe('asking once more', () => {
  it('sends the credential, and wipes it', () => {
    const fake = new FakeLibrary();
    fake.failures.set('mlx5dv_crypto_login_create', 22);
    expect(() => logIn(fake)).to.throw('refused the credential');
    const {struct, live} = askedOnceMore(fake);
    expect(Buffer.from(struct.subarray(80, 128)).equals(LOGIN.credential)).to.equal(true);
    expect([...struct.subarray(32, 40)]).to.deep.equal([0, 1, 2, 3, 0, 4, 5, 6]);
    expect(live.every((byte) => byte === 0)).to.equal(true);
  });

  it('sends the key, and wipes it', () => {
    const fake = new FakeLibrary();
    logIn(fake);
    fake.failures.set('mlx5dv_dek_create', 22);
    expect(() => createDek(fake.context, {wrapped: KEY, keySize: 128, keytag: false})).to.throw('refused the wrapped');
    const {struct, live} = askedOnceMore(fake);
    expect(Buffer.from(struct.subarray(80, 120)).equals(KEY)).to.equal(true);
    expect(live.every((byte) => byte === 0)).to.equal(true);
  });

  it('destroys at once what the NIC made this time, and tries that again', () => {
    const fake = new FakeLibrary();
    fake.told = new Uint8Array();
    fake.failures.set('mlx5dv_crypto_login_create', 22).set('mlx5dv_devx_obj_destroy', 16);
    expect(() => logIn(fake)).to.throw('refused the credential');
    const devx = fake.names.filter((name) => name.startsWith('mlx5dv_devx_obj'));
    expect(devx).to.deep.equal(['mlx5dv_devx_obj_create', 'mlx5dv_devx_obj_destroy', 'mlx5dv_devx_obj_destroy']);
  });

  it('asks for the first 16 that are worth it, however many were busy before them', () => {
    const fake = new FakeLibrary();
    const refusal = refusals(fake.context);
    const ask = (errno: number) => fake.context.here(refusal('create', errno, true, mailbox));
    const mailbox = () => new Uint8Array(16);
    for (let i = 0; i < 20; i++) ask(EBUSY);
    expect(fake.names).not.to.include('mlx5dv_devx_obj_create');
    for (let i = 0; i < 20; i++) ask(EINVAL);
    expect(fake.names.filter((name) => name === 'mlx5dv_devx_obj_create')).to.have.length(16);
  });

  for (const errno of [11, 16, 17, 95]) {
    it(`does not ask after errno ${errno}, which is no verdict of the firmware, or one for now`, () => {
      const fake = new FakeLibrary();
      fake.failures.set('mlx5dv_crypto_login_create', errno);
      expect(() => logIn(fake)).to.throw();
      expect(fake.names).not.to.include('mlx5dv_devx_obj_create');
    });
  }
});
