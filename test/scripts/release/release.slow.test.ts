/** `npm run release`: in a clone of this tree, made ready for a release; then each thing that is not ready. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {faultsOf} from '../../../scripts/release/checks.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const SCRIPT = join(ROOT, 'dist/scripts/release/main.js');
const VERSION = '7.8.9';
const DAY = '2026-01-02';
const TODAY = '2026-02-01';

describe('npm run release', () => {
  let work: string;
  let clone: string;

  /** What the release reads, as it stands in this tree, committed in a repository of its own: made ready. */
  before(() => {
    work = temporaryDirectory();
    clone = join(work, 'clone');
    fs.mkdirSync(clone);
    for (const path of ['man', 'virtual-connectx', 'contrib', 'debian', 'client/Makefile', 'docs']) {
      fs.cpSync(join(ROOT, path), join(clone, path), {recursive: true});
    }
    for (const file of ['package.json', 'package-lock.json', 'CHANGELOG.md', 'README.md', '.gitignore']) {
      fs.copyFileSync(join(ROOT, file), join(clone, file));
    }
    fs.copyFileSync(join(ROOT, 'oclif.manifest.json'), join(clone, 'oclif.manifest.json'));
    const {version} = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8'));
    const named = ['package.json', 'package-lock.json', 'virtual-connectx/package.json', 'debian/changelog'];
    const documents = ['install', 'start', 'vcx'].map((name) => `docs/${name}.md`);
    const naming = ['README.md', 'contrib/kubernetes/dek-agent.yaml', ...documents];
    const renamed = new RegExp(`(?<=[-_:("])${version.replaceAll('.', '\\.')}(?![\\d])`, 'g');
    for (const file of [...named, ...naming]) {
      change(file, renamed, VERSION);
    }
    change('CHANGELOG.md', /^## .*$/m, `## ${VERSION} (${DAY})`);
    change('debian/changelog', /> {2}.*$/m, '>  Fri, 02 Jan 2026 12:00:00 +0000');
    git('init', '--quiet', '--initial-branch=main');
    git('config', 'user.name', 'Anna');
    git('config', 'user.email', 'anna@localhost');
    commit();
  });
  after(() => fs.rmSync(work, {recursive: true}));
  afterEach(() => {
    git('reset', '--quiet', '--hard', 'ready');
    git('clean', '--quiet', '-d', '--force');
    if (git('tag', '--list', `v${VERSION}`) !== '') git('tag', '--delete', `v${VERSION}`);
  });

  function git(...args: string[]): string {
    const {stdout, stderr, status} = spawnSync('git', args, {cwd: clone, encoding: 'utf8'});
    expect(status, stderr).to.equal(0);
    return stdout;
  }

  function commit(): void {
    git('add', '--all');
    git('commit', '--quiet', '--message', 'A state');
    git('tag', '--force', 'ready');
  }

  /** Of a state that is committed and gone after the test. */
  function change(file: string, from: RegExp | string, to: string): void {
    const path = join(clone, file);
    const text = fs.readFileSync(path, 'utf8');
    const changed = text.replace(from, to);
    expect(changed, file).to.not.equal(text);
    fs.writeFileSync(path, changed);
  }

  function release(...words: string[]): {status: number | null; stdout: string; stderr: string} {
    const {status, stdout, stderr} = spawnSync(process.execPath, [SCRIPT, ...words], {cwd: clone, encoding: 'utf8'});
    return {status, stdout, stderr};
  }

  it('tags what is ready, here and nowhere else', () => {
    git('init', '--quiet', '--bare', '../origin');
    git('remote', 'add', 'origin', '../origin');
    const {status, stdout, stderr} = release(VERSION);
    expect({status, stderr}).to.deep.equal({status: 0, stderr: ''});
    expect(stdout).to.match(/^tagged [0-9a-f]+ as v7\.8\.9, here and nowhere else\n/);
    expect(git('cat-file', '-t', `v${VERSION}`)).to.equal('tag\n');
    expect(git('rev-parse', `v${VERSION}^{commit}`)).to.equal(git('rev-parse', 'HEAD'));
    expect(git('ls-remote', 'origin')).to.equal('');
  });

  it('only looks with --check', () => {
    expect(release(VERSION, '--check')).to.deep.include({status: 0, stdout: 'ready to be released as 7.8.9\n'});
    expect(git('tag', '--list', `v${VERSION}`)).to.equal('');
  });

  for (const words of [[], ['v7.8.9'], ['7.8'], ['7.8.9', '7.8.9'], ['7.8.9-'], ['--force']]) {
    it(`takes no "${words.join(' ')}" for a version`, () => {
      expect(release(...words)).to.deep.include({status: 2, stdout: ''});
    });
  }

  const notReady: Record<string, [change: () => void, said: RegExp]> = {
    'a file that is changed': [
      () => fs.appendFileSync(join(clone, 'README.md'), '\n'),
      /the tree has changes that are not committed:\n {3}M README\.md$/m,
    ],
    'a file that git does not know': [
      () => fs.writeFileSync(join(clone, 'new'), ''),
      /the tree has changes that are not committed:\n {2}\?\? new$/m,
    ],
    'a version that is released': [() => git('tag', `v${VERSION}`), /the tag v7\.8\.9 is there already/],
    'a changelog that begins with what is unreleased': [
      () => change('CHANGELOG.md', /^## /m, '## Unreleased\n\n## '),
      /CHANGELOG\.md begins with "## Unreleased": it has to be "## 7\.8\.9 \(\d{4}-\d\d-\d\d\)"/,
    ],
    'a changelog without a date': [
      () => change('CHANGELOG.md', ` (${DAY})`, ''),
      /CHANGELOG\.md begins with "## 7\.8\.9"/,
    ],
    'a changelog of another version': [
      () => change('CHANGELOG.md', '7.8.9', '7.9.0'),
      /CHANGELOG\.md begins with "## 7\.9\.0/,
    ],
    'a changelog of a day that is no day': [
      () => change('CHANGELOG.md', DAY, '2026-02-31'),
      /CHANGELOG\.md dates 7\.8\.9 2026-02-31/,
    ],
    'a changelog of a later day': [
      () => change('CHANGELOG.md', DAY, '2999-01-01'),
      /dates 7\.8\.9 2999-01-01, and today is 2026-02-01/,
    ],
    "another version in Debian's changelog": [
      () => change('debian/changelog', VERSION, '7.8.8'),
      /debian\/changelog begins with 7\.8\.8: add 7\.8\.9/,
    ],
    "another day in Debian's changelog": [
      () => change('debian/changelog', 'Fri, 02 Jan', 'Sat, 03 Jan'),
      /debian\/changelog is of 2026-01-03, and CHANGELOG\.md of 2026-01-02/,
    ],
    'another version in package.json': [
      () => change('package.json', VERSION, '7.8.8'),
      /package\.json has the version 7\.8\.8, not 7\.8\.9/,
    ],
    'another version in one place of package-lock.json': [
      () => change('package-lock.json', VERSION, '7.8.8'),
      /package-lock\.json has the version in one place, not 7\.8\.9/,
    ],
    'another version of virtual-connectx': [
      () => change('virtual-connectx/package.json', VERSION, '7.8.8'),
      /virtual-connectx\/package\.json has the version 7\.8\.8/,
    ],
    'another version in what a page tells people to install': [
      () => change('docs/install.md', `dek_${VERSION}_amd64`, 'dek_7.8.8_amd64'),
      /docs\/install\.md names dek_7\.8\.8, not 7\.8\.9/,
    ],
    'another version of the image on that page': [
      () => change('docs/install.md', `dek:${VERSION}`, 'dek:7.8.8'),
      /docs\/install\.md names dek:7\.8\.8, not 7\.8\.9/,
    ],
    'another version of the image in the DaemonSet': [
      () => change('contrib/kubernetes/dek-agent.yaml', `dek:${VERSION}`, 'dek:7.8.8'),
      /contrib\/kubernetes\/dek-agent\.yaml names dek:7\.8\.8, not 7\.8\.9/,
    ],
    'a soname that is not that of the version of libmlx5dek': [
      () => change('client/Makefile', 'libmlx5dek.so.1', 'libmlx5dek.so.2'),
      /libmlx5dek is 1 in client\/Makefile's VERSION, 2 in its SONAME, 1 in debian\/control/,
    ],
    'a package of libmlx5dek of another soname': [
      () => change('debian/control', 'Package: libmlx5dek1', 'Package: libmlx5dek3'),
      /1 in its SONAME, 3 in debian\/control/,
    ],
    'a manual page that the commands are ahead of': [
      () => change('man/dek-wrap.1', /^\.Nd .*$/m, '.Nd as it was'),
      /man\/dek-wrap\.1 is not what the commands say: npm run man/,
    ],
    'a command without its page': [
      () => fs.rmSync(join(clone, 'man/dek-wrap.1')),
      /man\/dek-wrap\.1 is not what the commands say: npm run man/,
    ],
    'a stale page of vcx': [
      () => change('virtual-connectx/man/vcx.1', 'virtual', 'real'),
      /virtual-connectx\/man\/vcx\.1 is not what the commands say/,
    ],
    'stale completion': [
      () => change('contrib/completion/dek.fish', 'complete', 'incomplete'),
      /contrib\/completion\/dek\.fish is not what the commands say: npm run completion/,
    ],
  };

  for (const [what, [spoil, said]] of Object.entries(notReady)) {
    it(`refuses ${what}`, () => {
      spoil();
      if (!/not committed/.test(said.source)) commitSpoilt();
      const faults = faultsOf({root: clone, version: VERSION, today: TODAY});
      expect(faults.join('\n')).to.match(said);
    });
  }

  it('tells all that is wrong at once, and tags nothing', () => {
    change('CHANGELOG.md', VERSION, '7.9.0');
    change('package.json', VERSION, '7.8.8');
    const {status, stdout, stderr} = release(VERSION);
    expect({status, stdout}).to.deep.equal({status: 1, stdout: ''});
    expect(stderr.match(/^release: error: /gm)).to.have.length(3);
    expect(git('tag', '--list')).to.equal('ready\n');
  });

  function commitSpoilt(): void {
    if (git('status', '--porcelain') === '') return;
    git('add', '--all');
    git('commit', '--quiet', '--message', 'Spoilt');
  }
});
