/** Manifests through a crew with threads: what is at fault is named as by one that reads line by line. */
import {expect} from 'chai';
import {DuplicateRegister, inputsOf, withDuplicates} from '../../src/bulk/duplicates.js';
import {Crew, type CrewOptions} from '../../src/bulk/jobs/crew.js';
import {newManifest} from '../../src/bulk/make.js';
import {openLines} from '../../src/manifest/read.js';
import {keyCheckValue} from '../../src/wrap/kcv.js';
import {BytesKek} from '../../src/wrap/kek-handle.js';
import {unwrapKey} from '../../src/wrap/kw.js';
import {readAll} from '../support/manifest/manifest-text.js';

const KEK = new Uint8Array(32).fill(3);
const COUNT = 3000;

async function make(options: CrewOptions): Promise<string> {
  const deks = {
    keySize: 128,
    keytag: true,
    keytagValue: '0011223344556677',
    opaque: '01',
    pattern: 'v%d',
    number: 1,
  } as const;
  async function* keys() {
    for (let left = COUNT; left > 0; left -= 500) yield {count: 500};
  }
  const header = {devices: [], importKekKcv: keyCheckValue(KEK), login: null};
  const made: Uint8Array[] = [];
  await Crew.with(
    [new BytesKek(KEK.slice(), 'kek')],
    async (crew) => {
      for await (const chunk of newManifest(crew, header, deks, {keys: keys(), count: COUNT}, () => {}))
        made.push(chunk);
    },
    options,
  );
  return Buffer.concat(made).toString();
}

/** The messages of all faults, and how many lines there were. */
async function check(manifest: string, options: CrewOptions): Promise<{messages: string[]; lines: number}> {
  function* chunks() {
    for (let at = 0; at < manifest.length; at += 9999) yield Buffer.from(manifest.slice(at, at + 9999));
  }
  const opened = await openLines(chunks());
  const register = new DuplicateRegister();
  const result = {messages: [] as string[], lines: 0};
  await Crew.with(
    [new BytesKek(KEK.slice(), 'kek')],
    async (crew) => {
      const outputs = crew.map('checkLines', inputsOf(opened, register, {unwrap: true, reveal: false}));
      for await (const {count, faults} of withDuplicates(outputs, register)) {
        result.lines += count;
        result.messages.push(...faults.map(({message}) => message));
      }
    },
    options,
  );
  return result;
}

describe('lines through a crew', () => {
  let manifest = '';
  before(async () => {
    manifest = await make({threads: 2, alone: 1});
  });

  it('are made in order, each with a key of its own', async () => {
    const {deks} = await readAll(manifest);
    expect(deks.map(({name}) => name)).to.deep.equal(Array.from({length: COUNT}, (_, i) => `v${i + 1}`));
    for (const {wrapped} of [deks[0]!, deks[1700]!, deks.at(-1)!]) {
      const plaintext = unwrapKey(KEK, Uint8Array.from(wrapped));
      expect(Buffer.from(plaintext.subarray(32)).toString('hex')).to.equal('0011223344556677');
    }
  });

  for (const [title, options] of [
    ['on the main thread', {alone: 1e6}],
    ['on the main thread first', {threads: 2, alone: 20}],
    ['in threads', {threads: 3, alone: 0}],
  ] as const) {
    it(`are named when at fault, ${title}`, async () => {
      const lines = manifest.trimEnd().split('\n');
      const at = (line: number): string => lines[line - 1]!;
      lines[1499] = at(1500).replace(/"wrapped":"(.)/, (_, digit) => `"wrapped":"${digit === 'A' ? 'B' : 'A'}`);
      lines[1999] = at(2000).replace('"v1999"', '"v9"');
      lines[2099] = at(1500).replace('"v1499"', '"other"');
      lines[2499] = at(2500).replace('128', '192');
      lines[2599] = at(2600).replaceAll(':', ' : ');
      expect(await check(`${lines.join('\n')}\n`, options)).to.deep.equal({
        messages: [
          'line 1500: wrapped: integrity check failed',
          'line 2000: name: stands in line 10 already',
          'line 2100: wrapped: stands in line 1500 already',
          'line 2500: keySize: expected 128 or 256, got 192',
        ],
        lines: COUNT,
      });
    });
  }
});
