import {expect} from 'chai';
import {parseKmipUri} from '../../src/kmip/uri.js';

const QUERY = 'cert=file:c&key=file:k&ca=a';

describe('a kmip: URI', () => {
  it('is taken apart', () => {
    expect(parseKmipUri(`//one,[fe80::1]:5697/a%2Fb?cert=file:c%20c&key=cred:k&ca=a`, 'kek')).to.deep.equal({
      hosts: [
        {host: 'one', port: 5696},
        {host: 'fe80::1', port: 5697},
      ],
      id: 'a/b',
      cert: 'file:c c',
      key: 'cred:k',
      ca: 'a',
    });
  });

  for (const [text, message] of [
    [`//h/a/b?${QUERY}`, 'expected kmip://HOST[,HOST]/ID?cert=SOURCE&key=SOURCE&ca=FILE'],
    ['//h/a/b?cert=file:c%2Fc&key=file:k&ca=a', 'expected kmip://HOST[,HOST]/ID?cert=SOURCE&key=SOURCE&ca=FILE'],
    [`//h?${QUERY}`, 'expected kmip://HOST[,HOST]/ID?cert=SOURCE&key=SOURCE&ca=FILE'],
    [`//h:0/1?${QUERY}`, 'has a host that is none'],
    [`//h/%4?${QUERY}`, 'has a % that no two hex digits follow'],
    [`//h/%ff?${QUERY}`, 'stands for bytes that are no UTF-8'],
    [`//h/1?${QUERY}&ca=b`, 'has ca twice'],
    [`//h/1?${QUERY}&1234`, 'has an attribute that is not known here; there are cert, key or ca'],
    ['//h/1?cert=file:c&key=file:k', 'needs cert=, key= and ca=: client and server show each other who they are'],
  ] as const) {
    it(`is refused: ${text}`, () => {
      expect(() => parseKmipUri(text, 'kek')).to.throw(`"kek" kmip: ${message}`);
    });
  }
});
