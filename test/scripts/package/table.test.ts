/** The tables that scripts/package/try makes of its results. */
import {expect} from 'chai';
import {tables, withTables} from '../../../scripts/package/table.js';

const trial = (way: string, root: string, results: Record<string, string>) => ({
  way,
  root,
  results: new Map(Object.entries(results)),
});

describe('tables of what was tried', () => {
  it('have a row for each way and root, checks first, then what was measured', () => {
    const text = tables([
      trial('tarball', 'bookworm-amd64', {install: 'passed', size: '47.5 MB'}),
      trial('deb', 'trixie-arm64', {install: 'FAILED', man: 'passed'}),
      trial('deb', 'sid-amd64', {install: 'passed', man: 'passed'}),
    ]);
    expect(text).to.equal(`|  | install | man |
| --- | --- | --- |
| deb, sid, amd64 | passed | passed |
| deb, trixie, arm64 (qemu-user) | FAILED | passed |
| tarball, Debian 12, amd64 | passed |  |

|  | size |
| --- | --- |
| tarball, Debian 12, amd64 | 47.5 MB |
`);
  });

  it('have the starts of all ways of installing in one of their own', () => {
    const text = tables([
      trial('start-up', 'trixie-amd64', {
        'node -e 0': '40 ms | 1.00 | 38 ms | 1.00',
        dek: '60 ms | 1.50 | 57 ms | 1.50',
      }),
    ]);
    expect(
      text,
    ).to.equal(`| from fork to exit, trixie, amd64 | median | times the first | of processors | times the first |
| --- | --- | --- | --- | --- |
| node -e 0 | 40 ms | 1.00 | 38 ms | 1.00 |
| dek | 60 ms | 1.50 | 57 ms | 1.50 |
`);
  });

  it('stand between the marks of a document, and nowhere without them', () => {
    const document = 'a\n<!-- made by npm run test:package -->\n\nold\n<!-- end -->\nb\n';
    const made = 'a\n<!-- made by npm run test:package -->\n\nnew\n\n<!-- end -->\nb\n';
    expect(withTables(document, 'new\n')).to.equal(made);
    expect(() => withTables('a\nb\n', 'new\n')).to.throw('no marks');
  });
});
