import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {replaceManifest} from '../../../src/cli/manifest/replace-manifest.js';
import type {DekError} from '../../../src/errors.js';
import {thrownBy} from '../../support/process/errors-thrown.js';
import {skipWithout} from '../../support/skip.js';
import {until} from '../../support/until.js';

async function* chunks(...texts: string[]): AsyncGenerator<Uint8Array> {
  for (const text of texts) yield Buffer.from(text);
}

describe('replaceManifest', () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'dek-replace-'));
  const path = join(directory, 'manifest');
  beforeEach(() => fs.writeFileSync(path, 'old\n'));
  afterEach(() => expect(fs.readdirSync(directory)).to.deep.equal(['manifest']));
  after(() => fs.rmSync(directory, {recursive: true}));

  it('keeps the old file until the check has passed, and then has the new one', async () => {
    await replaceManifest(path, chunks('ne', 'w\n'), async (temporary) => {
      expect([fs.readFileSync(path, 'utf8'), fs.readFileSync(temporary, 'utf8')]).to.deep.equal(['old\n', 'new\n']);
    });
    expect(fs.readFileSync(path, 'utf8')).to.equal('new\n');
  });

  it('keeps owner and mode', async function () {
    skipWithout('root', this); // giving a file away needs root
    fs.chmodSync(path, 0o604);
    fs.chownSync(path, 12345, 23456);
    await replaceManifest(path, chunks('new\n'));
    const {mode, uid, gid} = fs.statSync(path);
    expect([mode & 0o777, uid, gid]).to.deep.equal([0o604, 12345, 23456]);
  });

  it('lets one of many take its place who are as far as it at once', async () => {
    for (let round = 0; round < 20; round++) {
      fs.writeFileSync(path, 'old\n');
      const names = ['a', 'b', 'c', 'd'];
      let begun = 0;
      async function* together(name: string): AsyncGenerator<Uint8Array> {
        begun++;
        await until(async () => begun === names.length, 'all have begun');
        yield* chunks(name);
      }
      const ends = await Promise.allSettled(names.map((name) => replaceManifest(path, together(name))));
      const winners = names.filter((_, i) => ends[i]!.status === 'fulfilled');
      const codes = ends.flatMap((end) => (end.status === 'rejected' ? [(end.reason as DekError).code] : []));
      expect([winners, codes]).to.deep.equal([[fs.readFileSync(path, 'utf8')], ['BUSY', 'BUSY', 'BUSY']]);
    }
  });

  it('does not write over what another program wrote meanwhile', async () => {
    const error = await thrownBy(() =>
      replaceManifest(path, chunks('new\n'), async () => fs.appendFileSync(path, 'theirs\n')),
    );
    expect([error.code, error.message]).to.deep.equal(['BUSY', `${path} was changed by another program meanwhile`]);
    expect(fs.readFileSync(path, 'utf8')).to.equal('old\ntheirs\n');
  });

  it('leaves everything as it was when the check or a chunk fails', async () => {
    const failing = async (): Promise<never> => {
      throw new Error('no');
    };
    expect((await thrownBy(() => replaceManifest(path, chunks('new\n'), failing))).code).to.equal('IO');
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield Buffer.from('new\n');
      await failing();
    }
    expect((await thrownBy(() => replaceManifest(path, broken()))).code).to.equal('IO');
    expect(fs.readFileSync(path, 'utf8')).to.equal('old\n');
  });

  it('refuses what is not there, and what is no file', async () => {
    expect((await thrownBy(() => replaceManifest(`${path}-2`, chunks('')))).code).to.equal('NO_INPUT');
    expect((await thrownBy(() => replaceManifest(directory, chunks('')))).code).to.equal('BAD_INPUT');
    expect((await thrownBy(() => replaceManifest('', chunks('')))).message).to.equal(
      'cannot read "": no such file or directory',
    );
  });

  it('says what the system says of a link to itself', async () => {
    const link = join(directory, 'link');
    fs.symlinkSync('link', link);
    const error = await thrownBy(() => replaceManifest(link, chunks('')));
    fs.rmSync(link);
    expect([error.code, error.message]).to.deep.equal([
      'IO',
      `cannot read ${link}: too many symbolic links encountered`,
    ]);
  });
});
