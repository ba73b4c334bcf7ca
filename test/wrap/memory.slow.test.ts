/**
 * After bulk work: neither a KEK nor a key is left in the memory of the process, whichever engine has done what it is
 * used for.
 */
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {ENGINES} from '../../src/wrap/aes/engine.js';
import {describeHits, needlesOf} from '../support/process/memory.js';
import {searchAfter} from '../support/process/search-after.js';

const COUNT = 5000; // more than a lane
const BYTES = 64;

/** What the child does. Its arguments: an engine, and the files of two KEKs and of the keys. */
const SCRIPT = `
  import fs from 'node:fs';
  import {rewrapKeys, unwrapKeys, wrapKeys} from '${new URL('../../src/wrap/bulk.js', import.meta.url)}';
  import {ENGINES, withEngine} from '${new URL('../../src/wrap/aes/engine.js', import.meta.url)}';
  const [name, ...paths] = process.argv.slice(1);
  const secrets = paths.map((path) => {
    const secret = new Uint8Array(new ArrayBuffer(fs.statSync(path).size));
    fs.readSync(fs.openSync(path), secret);
    return secret;
  });
  const [kek, other, keys] = secrets;
  withEngine(ENGINES[name](), () => {
    const wrapped = wrapKeys(kek, keys, ${BYTES});
    if (name === 'node:crypto') return; // unwraps nothing
    const rewrapped = rewrapKeys(kek, other, wrapped, ${BYTES});
    secrets.push(unwrapKeys(other, rewrapped, ${BYTES}));
    rewrapped[0] ^= 1;
    secrets.push(unwrapKeys(other, rewrapped, ${BYTES}, []));
    try {
      unwrapKeys(other, rewrapped, ${BYTES});
    } catch ({code}) {
      if (code !== 'UNWRAP_FAILED') throw new Error(code);
    }
  });
  if (process.env.KEEP === undefined) for (const secret of secrets) secret.fill(0);
`;

describe('memory after bulk work', () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'dek-bulk-memory-'));
  const [kek, other, keys] = [randomBytes(32), randomBytes(16), randomBytes(COUNT * BYTES)];
  const paths = [kek, other, keys].map((secret, at) => {
    const path = join(directory, `${at}`);
    fs.writeFileSync(path, secret, {mode: 0o600});
    return path;
  });
  const needles = () => [
    ...needlesOf('kek', kek),
    ...needlesOf('other kek', other),
    ...[0, 1, 2500, COUNT - 1].flatMap((at) => needlesOf(`key ${at}`, keys.subarray(at * BYTES, (at + 1) * BYTES))),
  ];
  const search = (name: string) =>
    searchAfter(['--input-type=module', '-e', SCRIPT, name, ...paths], new Uint8Array(), needles);

  after(() => fs.rmSync(directory, {recursive: true}));

  for (const name of Object.keys(ENGINES)) {
    it(`holds no secret: ${name}`, async () => {
      const {hits, status} = await search(name);
      expect(describeHits(hits)).to.equal('');
      expect(status).to.equal(0);
    });
  }

  it('finds them when the caller does not wipe', async () => {
    process.env['KEEP'] = '1';
    try {
      const found = new Set((await search('libcrypto')).hits.map(({needle}) => needle));
      expect(found).to.include.keys('kek, bytes 0 to 7', 'other kek, bytes 8 to 15', 'key 4999, bytes 56 to 63');
    } finally {
      delete process.env['KEEP'];
    }
  });
});
