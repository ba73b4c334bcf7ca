/** The package virtual-connectx, as the build makes it: docs/vcx.md is so, and it speaks of itself. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {compiledShim} from '../support/nic/device.js';
import {type Outcome, parseSession, renderSession, type Step} from '../support/process/session.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const PACKAGE = join(ROOT, 'dist/virtual-connectx');
const read = (path: string): string => fs.readFileSync(join(ROOT, path), 'utf8');
const PAGE = read('docs/vcx.md');
const sessions = [...PAGE.matchAll(/^<!-- run: (\w+) -->\n```\n([\s\S]*?)\n```$/gm)].map(([, name, text]) => ({
  name: name!,
  text: withoutTabs(`${text}\n`),
}));

describe('virtual-connectx', () => {
  let installed: string;
  let work: string;

  // As the .deb has it: with Koffi beside it, and the library compiled.
  before(async () => {
    installed = temporaryDirectory();
    fs.cpSync(PACKAGE, installed, {recursive: true});
    fs.mkdirSync(join(installed, 'node_modules'));
    for (const name of ['koffi', '@koromix']) {
      fs.symlinkSync(join(ROOT, 'node_modules', name), join(installed, 'node_modules', name));
    }
    fs.mkdirSync(join(installed, 'compiled'));
    fs.copyFileSync(await compiledShim(), join(installed, 'compiled/uverbs.so'));
    fs.symlinkSync('vcx.cjs', join(installed, 'bin/vcx'));
  });
  beforeEach(() => {
    work = temporaryDirectory();
  });
  afterEach(() => fs.rmSync(work, {recursive: true}));
  after(() => fs.rmSync(installed, {recursive: true}));

  function run(command: string): Outcome {
    const env: NodeJS.ProcessEnv = {...process.env, PATH: `${join(installed, 'bin')}:${process.env['PATH']}`};
    for (const name of ['LD_PRELOAD', 'SYSFS_PATH', 'SYSFS_PCI_DEVICES', 'DEK_VIRTUAL']) delete env[name];
    const options = {cwd: work, env, encoding: 'utf8', timeout: 100_000} as const; // a server that never listens
    const {stdout, status} = spawnSync('bash', ['-c', `exec 2>&1\n${command}`], options);
    return {output: withoutTabs(stdout), exit: status};
  }

  it('has sessions on its page', () => {
    expect(sessions.map(({name}) => name)).to.deep.equal(['first', 'pingpong', 'faults']);
  });

  for (const {name, text} of sessions) {
    it(`does what its page shows: ${name}`, () => {
      const parts = parseSession(text);
      const outcomes = new Map<Step, Outcome>();
      for (const part of parts) if (typeof part !== 'string') outcomes.set(part, run(part.command));
      expect(renderSession(parts, outcomes)).to.equal(text);
    });
  }

  it('names itself in help and errors, and ends with the status that its page states', () => {
    expect(run('vcx'))
      .to.deep.include({exit: 0})
      .and.property('output')
      .match(/^USAGE\n \$ vcx COMMAND \[OPTIONS\]$/m);
    expect(run('vcx exec --help').output).to.match(/^ \$ vcx exec DIR -- CMD/m);
    expect(run('vcx --version').output).to.match(/^virtual-connectx\/\d/);
    expect(run('vcx made')).to.deep.equal({output: 'error: command made not found\nhint: see: vcx --help\n', exit: 2});
    expect(run('vcx show').output).to.match(/\nhint: see: vcx show --help\n$/);
    const {output, exit} = run('vcx show none');
    expect({output: output.split('\n')[1], exit}).to.deep.equal({output: 'hint: vcx create makes one', exit: 3});
    expect(run('mkdir there && touch there/file && vcx create there').exit).to.equal(5);
  });

  it('asks nobody to type a command of dek', () => {
    const files = fs.readdirSync(join(PACKAGE, 'dist/help'), {encoding: 'utf8'});
    const texts = [
      ...files.map((file) => read(`dist/virtual-connectx/dist/help/${file}`)),
      read('dist/virtual-connectx/dist/help.txt'),
      read('virtual-connectx/man/vcx.1'),
    ];
    for (const text of texts) expect(text).to.not.match(/dek (?!officer operational)[a-z]+ (?:DIR|nic)|dek virtual/);
    expect(run('vcx').output).to.not.match(/\bdek\b/);
    expect(read('dist/virtual-connectx/dist/bundle/vcx.cjs')).to.not.include('dek virtual');
  });

  it('needs no module of dek, and no package but Koffi', () => {
    const bundle = read('dist/virtual-connectx/dist/bundle/vcx.cjs');
    const required = new Set(Array.from(bundle.matchAll(/\brequire\("((?!node:)[^"]+)"\)/g), ([, name]) => name!));
    const others = [...required].filter((name) => !['fs', 'os', 'path', 'tty', 'util', 'typescript'].includes(name));
    expect(others).to.deep.equal([]);
    expect(bundle).to.match(/createRequire\)?\(importMetaUrl\)\("koffi"\)/);
  });

  it('calls nothing that came with Node.js 20', () => {
    const bundle = read('dist/virtual-connectx/dist/bundle/vcx.cjs');
    expect(bundle.match(/\.(toReversed|toSorted|toSpliced|toWellFormed|isWellFormed)\(|\bstyleText\b/g)).to.equal(null);
  });

  it('is of the version of dek, with the same Koffi, and has its manual page without a fault', () => {
    const [own, dek] = ['virtual-connectx/package.json', 'package.json'].map((path) => JSON.parse(read(path)));
    expect(own.version).to.equal(dek.version);
    expect(own.dependencies.koffi).to.equal(dek.dependencies.koffi);
    const {stdout} = spawnSync('mandoc', ['-T', 'lint', '-W', 'warning', join(ROOT, 'virtual-connectx/man/vcx.1')]);
    expect(`${stdout}`).to.equal('');
  });
});

function withoutTabs(text: string): string {
  return text.replace(/[ \t]+/g, ' ').replace(/ $/gm, '');
}
