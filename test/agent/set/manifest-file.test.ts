import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {ManifestFile} from '../../../src/agent/set/manifest-file.js';
import {dekLine, headerLine, text} from '../../support/manifest/manifest-text.js';
import {thrownBy} from '../../support/process/errors-thrown.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';

describe('manifest file', () => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = temporaryDirectory();
    path = join(directory, 'manifest');
  });
  afterEach(() => fs.rmSync(directory, {recursive: true}));

  /** Opens `path` for the time of `use`. */
  async function withFile<T>(use: (file: ManifestFile) => Promise<T>, maxKeptBytes?: number): Promise<T> {
    const file = await ManifestFile.open(path, maxKeptBytes === undefined ? {} : {maxKeptBytes});
    try {
      return await use(file);
    } finally {
      file.close();
    }
  }

  async function namesOf(file: ManifestFile): Promise<string[]> {
    const names: string[] = [];
    for await (const batch of file.batches()) names.push(...batch.names);
    return names;
  }

  /** Moves `path` below `name`, a file unless that is `no`, which is not there. */
  function below(name: 'file' | 'no'): void {
    if (name === 'file') fs.writeFileSync(join(directory, name), '');
    path = join(directory, name, 'manifest');
  }

  for (const [which, maxKeptBytes] of [
    ['a small one', 2 ** 20],
    ['a large one', 0],
  ] as const) {
    it(`is read as often as one likes, and has a digest after the first time: ${which}`, async () => {
      const content = text(headerLine(), dekLine(1), dekLine(2));
      fs.writeFileSync(path, content);
      await withFile(async (file) => {
        expect([file.header.devices, file.digest]).to.deep.equal([['mlx5_0'], undefined]);
        for (let i = 0; i < 3; i++) expect(await namesOf(file)).to.deep.equal(['vol-1', 'vol-2']);
        expect(file.digest).to.equal(createHash('sha256').update(content).digest('hex'));
      }, maxKeptBytes);
    });
  }

  it('says why it cannot be read where a file is none to read', async () => {
    path = '/proc/self/mem';
    const error = await thrownBy(() => withFile(async () => {}));
    expect(error).to.include({code: 'IO', message: 'cannot read /proc/self/mem: i/o error', errno: 'EIO'});
  });

  it('is what it was the first time, if it is small and was read to its end', async () => {
    fs.writeFileSync(path, text(headerLine(), dekLine(1)));
    await withFile(async (file) => {
      await namesOf(file);
      fs.writeFileSync(path, text(headerLine(), dekLine(2)));
      expect(await namesOf(file)).to.deep.equal(['vol-1']);
    });
  });

  it('is large as well when it has grown since it was opened', async () => {
    const small = text(headerLine(), dekLine(1));
    fs.writeFileSync(path, small);
    await withFile(async (file) => {
      fs.appendFileSync(path, text(dekLine(2)));
      expect(await namesOf(file)).to.deep.equal(['vol-1', 'vol-2']);
      fs.writeFileSync(path, small);
      expect((await thrownBy(() => namesOf(file))).message).to.equal(`${path} changed while it was read`);
    }, small.length);
  });

  for (const [what, before, after] of [
    ['a key', text(headerLine(), dekLine(1), dekLine(2)), text(headerLine(), dekLine(1), dekLine(3))],
    ['the header', text(headerLine(), dekLine(1)), text(headerLine({importKekId: 33}), dekLine(1))],
    ['the number of DEKs', text(headerLine(), dekLine(1)), text(headerLine(), dekLine(1), dekLine(2))],
    ['a line into a fault', text(headerLine(), dekLine(1)), `${headerLine()}\n{`],
    ['all of it into nothing', text(headerLine(), dekLine(1)), ''],
  ] as const) {
    it(`is large: notices that ${what} changed between the first and the second time`, async () => {
      fs.writeFileSync(path, before);
      await withFile(async (file) => {
        await namesOf(file);
        fs.writeFileSync(path, after);
        const error = await thrownBy(() => namesOf(file));
        expect(error).to.include({code: 'BAD_INPUT', message: `${path} changed while it was read`});
      }, 0);
    });
  }

  it('notices that the header changed before the first time', async () => {
    fs.writeFileSync(path, text(headerLine(), dekLine(1)));
    await withFile(async (file) => {
      fs.writeFileSync(path, text(headerLine({credentialId: 17}), dekLine(1)));
      expect((await thrownBy(() => namesOf(file))).message).to.equal(`${path} changed while it was read`);
    });
  });

  it('stays the file that was opened when another takes its name', async () => {
    fs.writeFileSync(path, text(headerLine(), dekLine(1)));
    await withFile(async (file) => {
      await namesOf(file);
      fs.writeFileSync(`${path}.new`, text(headerLine(), dekLine(2)));
      fs.renameSync(`${path}.new`, path);
      expect(await namesOf(file)).to.deep.equal(['vol-1']);
    });
  });

  for (const [what, make, code, status] of [
    ['a missing file', () => {}, 'NO_INPUT', 3],
    ['a file in a missing directory', () => below('no'), 'NO_INPUT', 3],
    ['a file below a file', () => below('file'), 'NO_INPUT', 3],
    ['a directory', () => fs.mkdirSync(path), 'BAD_INPUT', 2],
    ['a FIFO, without waiting for a writer', () => execFileSync('mkfifo', [path]), 'BAD_INPUT', 2],
    ['a device', () => fs.symlinkSync('/dev/zero', path), 'BAD_INPUT', 2],
    ['an empty file', () => fs.writeFileSync(path, ''), 'BAD_INPUT', 2],
    ['a file without a header', () => fs.writeFileSync(path, text(dekLine(1))), 'BAD_INPUT', 2],
  ] as const) {
    it(`refuses ${what}`, async () => {
      make();
      const error = await thrownBy(() => ManifestFile.open(path));
      expect([error.code, error.exitStatus]).to.deep.equal([code, status]);
    });
  }

  it('leaves no descriptor open, whatever it finds', async () => {
    const open = (): number => fs.readdirSync('/proc/self/fd').length;
    const before = open();
    fs.writeFileSync(path, text(dekLine(1)));
    await thrownBy(() => ManifestFile.open(path));
    await thrownBy(() => ManifestFile.open(directory));
    fs.writeFileSync(path, text(headerLine(), dekLine(1), 'no JSON'));
    await thrownBy(() => withFile(namesOf));
    expect(open()).to.equal(before);
  });
});
