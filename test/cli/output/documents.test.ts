/** The pages that errors name are there, each with its heading. */
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {DOCUMENTS, documentOf} from '../../../src/cli/output/documents.js';
import {DEK_ERROR_CODES} from '../../../src/errors.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';

describe('documents', () => {
  for (const code of Object.keys(DOCUMENTS) as (keyof typeof DOCUMENTS)[]) {
    it(`has the file and the line for ${code}`, () => {
      const [, path, line, heading] = /^(.*):(\d+), "(.*)"$/.exec(documentOf(code)!)!;
      const text = fs.readFileSync(path!, 'utf8').split('\n')[Number(line) - 1]!;
      expect(text.replaceAll('`', '')).to.match(/^#+ /).and.to.include(heading);
    });
  }

  it('has no line of a file that is compressed or cannot be read', () => {
    const folder = temporaryDirectory();
    try {
      fs.writeFileSync(join(folder, 'start.md.gz'), '');
      fs.mkdirSync(join(folder, 'signed.md')); // reading it fails, whoever reads
      expect(documentOf('NO_DEVICE', [folder])).to.equal(`${folder}/start.md.gz, "Without a NIC"`);
      expect(documentOf('NOT_RELEASED', [folder])).to.equal(`${folder}/signed.md, "Releases"`);
    } finally {
      fs.rmSync(folder, {recursive: true});
    }
  });

  it('names none for other codes', () => {
    const others = DEK_ERROR_CODES.filter((code) => DOCUMENTS[code] === undefined);
    expect(others.map((code) => documentOf(code))).to.deep.equal(others.map(() => undefined));
  });
});
