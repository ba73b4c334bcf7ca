import {expect} from 'chai';
import fc from 'fast-check';
import {DekError} from '../../../src/errors.js';
import {type AllowedSigner, parseAllowedSigners} from '../../../src/manifest/signature/allowed-signers.js';
import {refusal} from '../../support/keys/arbitrary.js';
import {readSignatureVectors} from '../../support/keys/vectors.js';

const keys = readSignatureVectors().vectors.map(({publicKey}) => {
  const type = Buffer.from(publicKey, 'base64').subarray(4).toString('latin1').split('\0')[0]!;
  return `${type} ${publicKey}`;
});
const [key, other] = [keys[0]!, keys[1]!];

function parse(text: string): readonly AllowedSigner[] {
  return parseAllowedSigners(new Uint8Array(Buffer.from(text, 'latin1')));
}

/** What the error says. */
function told(text: string): string {
  try {
    parse(text);
  } catch (error) {
    if (error instanceof DekError && error.code === 'BAD_INPUT') return error.message;
    throw error;
  }
  return 'no error';
}

describe('allowed signers', () => {
  it('reads names, options, keys of every type, comments and blank lines', () => {
    const options = 'namespaces="git,dek-*",valid-after="20260101Z",valid-before="202701010203Z"';
    const text = `# who may\n\nalice,al@example.com ${key} her key\r\nbob ${options} ${other}\n`;
    const [alice, bob] = parse(text);
    expect(alice).to.deep.include({principals: ['alice', 'al@example.com'], validAfter: null, validBefore: null});
    expect(alice!.namespaces).to.deep.equal(['dek-manifest', 'dek-release']);
    expect(bob!.validAfter).to.equal(Date.parse('2026-01-01T00:00:00Z'));
    expect(bob!.validBefore).to.equal(Date.parse('2027-01-01T02:03:00Z'));
    expect(parse(keys.map((one, i) => `p${i} ${one}\n`).join(''))).to.have.length(keys.length);
  });

  it('takes times without Z for those of this host', () => {
    const [alice] = parse(`alice valid-after="20260102030405" ${key}`);
    expect(alice!.validAfter).to.equal(new Date(2026, 0, 2, 3, 4, 5).getTime());
  });

  it('takes any text for the comment behind a key', () => {
    for (const comment of [`her laptop 15"`, 'Ren\xc3\xa9', '"a" "', '\x01', '# "']) {
      expect(parse(`alice ${key} ${comment}\nbob namespaces="dek-*" ${other} ${comment}\n`)).to.have.length(2);
    }
  });

  it('does not look at a line for other purposes', () => {
    const git = '* cert-authority,namespaces="git" ssh-dss AAAA\n';
    const all = '!x namespaces="file,!dek-manifest,!dek-release,*" nonsense\n';
    expect(
      parse(`${git}${all}alice namespaces="dek-release" ${key}\n`).map(({namespaces}) => namespaces),
    ).to.deep.equal([['dek-release']]);
  });

  const faults: Readonly<Record<string, [string, string]>> = {
    'a pattern': [`*@example.com ${key}`, 'expected names of principals'],
    'a negated name': [`alice,!bob ${key}`, 'expected names of principals'],
    'a quoted name': [`"alice b" ${key}`, 'expected names of principals'],
    'cert-authority': [`alice cert-authority ${key}`, 'cert-authority is not supported'],
    'an unknown option': [`alice no-touch-required ${key}`, 'has an option that is not known'],
    'an option twice': [`alice namespaces="dek-*",namespaces="git" ${key}`, 'stands twice'],
    'no value': [`alice namespaces="" ${key}`, 'has an option that is not known'],
    'a comma behind the options': [`alice namespaces="dek-*", ${key}`, 'has an option that is not known'],
    'no day': [`alice valid-before="20260231" ${key}`, 'valid-before expected'],
    'no month': [`alice valid-before="20261301Z" ${key}`, 'valid-before expected'],
    'a day before 1970': [`alice valid-after="19691231Z" ${key}`, 'valid-after expected'],
    'no key': ['alice ssh-ed25519', 'expected principals, a key type and a key'],
    'one word': ['alice', 'expected principals, a key type and a key'],
    'a key that is cut off': [`alice ${key.slice(0, -8)}`, 'the key'],
    'a key of another type': [`alice ${key.split(' ')[0]} ${other.split(' ')[1]}`, 'another type'],
    'base64 with more in it': [`alice ${key.replace('AAAA', 'AA-AA')}`, 'expected a public key in base64'],
    'a quote without an end': [`alice namespaces="dek ${key}`, 'has a quote without an end'],
    'no ASCII': [`al\xefce ${key}`, 'is not text in ASCII'],
  };
  for (const [what, [line, message]] of Object.entries(faults)) {
    it(`refuses ${what}, with the line`, () => {
      expect(told(`# one\n${line}\n`))
        .to.contain('allowed signers: line 2')
        .and.contain(message);
    });
  }

  it('refuses a file that names nobody', () => {
    expect(told('')).to.contain('names nobody');
    expect(told(`alice namespaces="git" ${key}\n`)).to.contain('names nobody');
    expect(told('#'.repeat(2 ** 20 + 1))).to.contain('more than');
  });

  it('takes any text for what it is', () => {
    const lines = [`alice ${key} c`, `bob namespaces="dek-*",valid-after="20260101Z" ${other}`];
    const altered = fc.tuple(fc.constantFrom(...lines), fc.nat(), fc.string({maxLength: 4}), fc.nat(8));
    fc.assert(
      fc.property(altered, ([line, place, put, gone]) => {
        const at = place % line.length;
        const text = line.slice(0, at) + put + line.slice(at + gone);
        expect(refusal(() => parse(text))).to.be.oneOf(['no error', 'BAD_INPUT']);
      }),
    );
    fc.assert(fc.property(fc.string({maxLength: 200}), (text) => void told(text)));
  });

  it('takes long lines of one character in time', () => {
    for (const text of ['a', '"', ',', '*', '=', '="', ' ', '\n', '!*,']) {
      const file = text.repeat(Math.floor(2 ** 20 / text.length));
      expect(told(file), JSON.stringify(text)).to.contain('allowed signers');
      expect(told(`a namespaces="${file.slice(20).replaceAll(/["\n]/g, 'x')}" ${key.slice(0, 4)}`)).to.be.a('string');
    }
  });
});
