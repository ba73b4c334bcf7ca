import {expect} from 'chai';
import fc from 'fast-check';
import {DekError} from '../../src/errors.js';
import {formatRelease, newRelease, parseRelease, type Release} from '../../src/manifest/release/release.js';

const ID = new Uint8Array(16).fill(7);
const OTHER_ID = new Uint8Array(16).fill(8);
const digest = (n: number): Uint8Array => new Uint8Array(32).fill(n);
const main = {id: ID, generation: 3, digest: digest(3), hosts: ['node-1', 'node-2'], fallback: false};
const older = {...main, generation: 2, digest: digest(2), fallback: true};
const any = {id: OTHER_ID, generation: 1, digest: digest(1), hosts: [], fallback: false};
const release = newRelease([main, older, any]);
const text = Buffer.from(formatRelease(release)).toString('latin1');

function told(file: string): string {
  try {
    parseRelease(new Uint8Array(Buffer.from(file, 'latin1')));
  } catch (error) {
    if (error instanceof DekError && error.code === 'BAD_INPUT') return error.message;
    throw error;
  }
  return 'no error';
}

describe('release', () => {
  it('is read as it was written, in the form that the manual shows', () => {
    expect(parseRelease(formatRelease(release))).to.deep.equal(release);
    expect(text.split('\n').slice(1)).to.deep.equal([
      `{"id":"${'07'.repeat(16)}","generation":3,"digest":"${'03'.repeat(32)}","hosts":["node-1","node-2"]}`,
      `{"id":"${'07'.repeat(16)}","generation":2,"digest":"${'02'.repeat(32)}","hosts":["node-1","node-2"],` +
        '"fallback":true}',
      `{"id":"${'08'.repeat(16)}","generation":1,"digest":"${'01'.repeat(32)}"}`,
      '',
    ]);
  });

  it('is read as it was written, whatever is in it', () => {
    const hosts = fc.uniqueArray(fc.stringMatching(/^[A-Za-z0-9][A-Za-z0-9._-]{0,20}$/), {maxLength: 5});
    const one = fc.record({
      id: fc.uint8Array({minLength: 16, maxLength: 16}),
      generation: fc.integer({min: 2, max: Number.MAX_SAFE_INTEGER}),
      digest: fc.uint8Array({minLength: 32, maxLength: 32}),
      hosts,
    });
    const byId = ({id}: {id: Uint8Array}): string => Buffer.from(id).toString('hex');
    const some = fc.uniqueArray(one, {selector: byId, minLength: 1, maxLength: 5});
    fc.assert(
      fc.property(some, (mains) => {
        const manifests = mains.flatMap((each) => [
          {...each, fallback: false},
          {...each, generation: each.generation - 1, fallback: true},
        ]);
        const made: Release = {issued: '2026-11-30T12:00:00Z', manifests};
        expect(parseRelease(formatRelease(made))).to.deep.equal(made);
      }),
    );
  });

  const [head, first, second] = text.split('\n') as [string, string, string];
  const faults: Readonly<Record<string, [string, string]>> = {
    'an empty file': ['', 'lists no manifest'],
    'no manifest': [`${head}\n`, 'lists no manifest'],
    'a cut file': [text.slice(0, -1), 'line 4: ends without a line feed'],
    'a manifest': ['{"dek-manifest":2}\n', 'line 1: dek-release: missing'],
    'another version': [text.replace('"dek-release":1', '"dek-release":2'), 'line 1: dek-release: expected 1'],
    'no date': [text.replace(/"issued":"[^"]*"/, '"issued":"today"'), 'line 1: issued'],
    'a set twice': [`${head}\n${first}\n${first}\n`, 'line 3: id: is that of a manifest in an earlier line'],
    'a way back alone': [`${head}\n${second}\n`, 'line 2: fallback'],
    'a way back that is no earlier': [text.replace('"generation":2', '"generation":3'), 'line 3: fallback'],
    'a member twice': [
      text.replace('"generation":3', '"generation":3,"generation":3'),
      'line 2: generation: stands twice',
    ],
    'an unknown member': [text.replace('"generation":3', '"generation":3,"more":1'), 'line 2: unknown member "more"'],
    'a short digest': [text.replace('0303', '03'), 'line 2: digest'],
    'generation 0': [text.replace('"generation":3', '"generation":0'), 'line 2: generation'],
    'a host twice': [text.replace('"node-2"', '"node-1"'), 'line 2: hosts'],
    'no text': [text.replace('node-2', 'n\xf6de'), 'line 2'],
  };
  for (const [what, [file, message]] of Object.entries(faults)) {
    it(`refuses ${what}`, () => expect(told(file)).to.contain(message));
  }

  it('takes any text for what it is, in time', () => {
    const altered = fc.tuple(fc.nat(), fc.string({maxLength: 4}), fc.nat(8));
    fc.assert(
      fc.property(altered, ([place, put, gone]) => {
        const at = place % text.length;
        told(text.slice(0, at) + put + text.slice(at + gone));
      }),
    );
    fc.assert(fc.property(fc.string({maxLength: 200}), (file) => void told(file)));
    expect(told('\n'.repeat(2 ** 25))).to.contain('line 1');
    expect(told(`${head}\n${'[1,'.repeat(2 ** 20)}\n`)).to.contain('line 2: is longer than');
    expect(told(`${head}\n${'['.repeat(8000)}\n`)).to.contain('line 2: is not JSON');
  });
});
