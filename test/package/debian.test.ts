/** The sources of Debian's packages, which `npm run package` builds, against the tree. */
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const read = (path: string): string => fs.readFileSync(join(ROOT, path), 'utf8');

describe('debian/', () => {
  it('is of the version that package.json has', () => {
    const [, version] = /^dek \((.*)\) /.exec(read('debian/changelog'))!;
    expect(version).to.equal((JSON.parse(read('package.json')) as {version: string}).version);
  });

  it('has the user of the units', () => {
    expect(read('debian/dek.sysusers')).to.equal(read('contrib/systemd/dek.sysusers'));
    expect(read('contrib/systemd/dek-agent.service')).to.match(/^User=dek$/m);
    expect(read('debian/dek.sysusers')).to.match(/^u dek /m);
  });

  it('restarts every agent, and stops every unit', () => {
    const files = fs.readdirSync(join(ROOT, 'contrib/systemd')).filter((file) => /\.(service|socket)$/.test(file));
    const units = files.map((file) => file.replace('@', '@*'));
    const agents = units.filter((unit) => /^dek-agent.*\.service$/.test(unit));
    expect(agents).to.have.length(2);
    for (const unit of agents) expect(read('debian/dek.postinst')).to.include(unit);
    for (const unit of units) expect(read('debian/dek.prerm')).to.include(unit);
    for (const unit of units) expect(read('rpm/dek.spec')).to.include(unit);
  });

  it('installs nothing that is not there', () => {
    const lists = fs
      .readdirSync(join(ROOT, 'debian'))
      .filter((file) => /\.(install|docs|examples|manpages)$/.test(file));
    const words = lists.flatMap((list) =>
      read(`debian/${list}`)
        .split('\n')
        .map((line) => line.split(' ')[0]!),
    );
    const own = words.filter((word) => word !== '' && !word.startsWith('usr/')); // what the build makes lies in usr/
    expect(own).to.have.length.above(5);
    for (const pattern of own) expect(matches(pattern), pattern).to.have.length.above(0);
  });
});

/** The files of a pattern whose last part may have a `*`. */
function matches(pattern: string): string[] {
  const [, folder, last] = /^(?:(.*)\/)?([^/]+)$/.exec(pattern)!;
  const [begin, end = ''] = last!.split('*');
  const files = fs.readdirSync(join(ROOT, folder ?? '.'));
  return files.filter((file) => (last!.includes('*') ? file.startsWith(begin!) && file.endsWith(end) : file === last));
}
