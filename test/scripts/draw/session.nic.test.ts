/** The terminal session of docs/start.md: docs/session.txt is what the commands print, docs/session.svg its picture. */
import fs from 'node:fs';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {drawSession} from '../../../scripts/draw/session.js';
import {runSession} from '../../support/process/terminal.js';

const DOCS = fileURLToPath(new URL('../../../../docs/', import.meta.url));
const RECORD = fs.readFileSync(`${DOCS}session.txt`, 'utf8');
/** What `{...}` marks differs each time. */
const EXPECTED = RECORD.replace(/\{[^{}\n]*\}/g, '[..]');

describe('the session of docs/start.md', () => {
  it('is what its commands print: UPDATE=1 records it anew', async () => {
    const went = await runSession(EXPECTED);
    if (process.env['UPDATE']) {
      const marked = new Map(RECORD.split('\n').map((line, i) => [EXPECTED.split('\n')[i], line]));
      fs.writeFileSync(
        `${DOCS}session.txt`,
        went.replace(/^.*$/gm, (line) => marked.get(line) ?? line),
      );
    } else expect(went).to.equal(EXPECTED);
  });

  it('has a proof and a refusal', () => {
    expect(RECORD)
      .to.match(/^\$ dek prove .*\n.*\n.* ok$/m)
      .and.to.match(/^error: .* refused .*\nhint: /m);
  });

  it('is drawn as it was recorded: npm run picture', () => {
    expect(fs.readFileSync(`${DOCS}session.svg`, 'utf8')).to.equal(drawSession(RECORD));
  });
});
