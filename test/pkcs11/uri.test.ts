import {expect} from 'chai';
import {parsePkcs11Uri} from '../../src/pkcs11/uri.js';

const MODULE = 'module-path=/lib/m.so';

describe('a pkcs11: URI', () => {
  it('is taken apart', () => {
    const text =
      'token=My%20token;manufacturer=M;serial=01;model=v2;slot-id=7;object=k%3Bk;id=%00%ffA;type=secret-key' +
      `?${MODULE}&pin-source=cred:pin&x-lanes=aes-ecb`;
    expect(parsePkcs11Uri(text, 'kek')).to.deep.equal({
      token: {token: 'My token', manufacturer: 'M', serial: '01', model: 'v2', slotId: 7},
      key: {object: 'k;k', id: '00ff41'},
      modulePath: '/lib/m.so',
      pinSource: 'cred:pin',
      isInLanes: true,
    });
  });

  it('takes an absolute path for a file with the PIN', () => {
    expect(parsePkcs11Uri(`object=k?${MODULE}&pin-source=/etc/pin`, 'kek').pinSource).to.equal('file:/etc/pin');
  });

  for (const [text, code, message] of [
    [`object=k;pin-value=1234?${MODULE}`, 'UNSAFE_SECRET', '"kek" has a pin-value: others can read a command line'],
    [`object=k?${MODULE}&pin-value=1234`, 'UNSAFE_SECRET', '"kek" has a pin-value: others can read a command line'],
    [`object=k?module-name=softhsm`, 'BAD_ARGUMENT', /^"kek" pkcs11: has a module-name/],
    [`object=k`, 'BAD_ARGUMENT', /^"kek" pkcs11: needs the absolute path of a module/],
    [`object=k?module-path=m.so`, 'BAD_ARGUMENT', /^"kek" pkcs11: needs the absolute path of a module/],
    [`token=t?${MODULE}`, 'BAD_ARGUMENT', '"kek" pkcs11: names no key: give object= or id='],
    [`object=k;type=private?${MODULE}`, 'BAD_ARGUMENT', '"kek" pkcs11: has a type other than secret-key'],
    [`object=k;object=l?${MODULE}`, 'BAD_ARGUMENT', '"kek" pkcs11: has object twice'],
    [`object=k;1234?${MODULE}`, 'BAD_ARGUMENT', /^"kek" pkcs11: has an attribute that is not known here/],
    [`object=%4?${MODULE}`, 'BAD_ARGUMENT', '"kek" pkcs11: has a % that no two hex digits follow'],
    [`id=%4?${MODULE}`, 'BAD_ARGUMENT', '"kek" pkcs11: has a % that no two hex digits follow'],
    [`object=%ff?${MODULE}`, 'BAD_ARGUMENT', '"kek" pkcs11: stands for bytes that are no UTF-8'],
    [`object=k;slot-id=x?${MODULE}`, 'BAD_ARGUMENT', '"kek" pkcs11: has a slot-id that is no number'],
    [`object=k?${MODULE}&x-lanes=yes`, 'BAD_ARGUMENT', '"kek" pkcs11: has an x-lanes other than aes-ecb'],
    [`object=k?${MODULE}?${MODULE}`, 'BAD_ARGUMENT', '"kek" pkcs11: has more than one question mark'],
  ] as const) {
    it(`is refused: ${text}`, () => {
      try {
        parsePkcs11Uri(text, 'kek');
      } catch (error) {
        const {message: got, code: gotCode, hint} = error as Error & {code: string; hint: string};
        expect(gotCode).to.equal(code);
        if (typeof message === 'string') expect(got).to.equal(message);
        else expect(got).to.match(message);
        expect(got + hint).to.not.include('1234');
        return;
      }
      expect.fail('it was taken');
    });
  }
});
