/**
 * The packed file, installed as strangers do, with empty caches and no network: npm, pnpm and yarn 1 with their habits.
 * Each installation runs the main job on the virtual ConnectX.
 */
import {execFileSync, spawn, spawnSync} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {runSession} from '../support/process/terminal.js';
import {type Registry, startRegistry} from '../support/registry.js';
import {skipWithout} from '../support/skip.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SESSIONS = ['commands/sessions/main-job.txt', 'package/installed.txt'].map((name) => join(ROOT, 'test', name));
/** The port of discard, where nobody listens: whoever asks for a package fails at once. */
const NO_REGISTRY = 'http://127.0.0.1:9';

/** What a program of a stranger sees. A thread that cannot load is not missed by a job, whose others do its work. */
const PROGRAM = `
import {once} from 'node:events';
import {Worker} from 'node:worker_threads';
import {listDevices, openDevice, unwrapDek, wrapDek} from 'mlx5-dek';
import {openVirtual} from 'mlx5-dek/virtual';
const [kek, key1, key2] = [new Uint8Array(32), new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
const {keySize} = unwrapDek(kek, wrapDek(kek, {key1, key2}));
const thread = new Worker(new URL('dist/src/bulk/jobs/thread.js', import.meta.resolve('mlx5-dek/package.json')), {
  workerData: {keks: []},
});
const [{isLoaded}] = await once(thread, 'message');
await thread.terminate();
const types = [typeof openDevice, typeof openVirtual];
console.log(JSON.stringify({keySize, isLoaded, devices: listDevices().length, types}));
`;

describe('package installed', () => {
  let work: string;
  let tarball: string;

  before(function () {
    const natives = spawnSync(process.execPath, [join(ROOT, 'dist/scripts/natives.js')]);
    skipWithout('network', this, natives.status === 0);
    work = temporaryDirectory();
    const args = ['pack', '--silent', '--ignore-scripts', '--pack-destination', work];
    tarball = join(work, execFileSync('npm', args, {cwd: ROOT, encoding: 'utf8'}).trim());
  });
  after(() => work && fs.rmSync(work, {recursive: true}));

  /** A project of a stranger, with nothing in it. */
  function project(name: string): string {
    const folder = join(work, name);
    fs.mkdirSync(folder);
    fs.writeFileSync(join(folder, 'package.json'), '{"name": "strange", "version": "1.0.0", "private": true}\n');
    return folder;
  }

  /** Runs a package manager, which has nothing cached and no settings but these, in `folder`. */
  async function install(folder: string, words: string[], settings: Record<string, string> = {}): Promise<void> {
    const {PATH} = process.env;
    const env = {PATH, HOME: work, npm_config_cache: join(folder, '.cache'), npm_config_registry: NO_REGISTRY};
    const [file, ...args] = words;
    const child = spawn(file!, args, {
      cwd: folder,
      env: {...env, npm_config_fetch_retries: '0', npm_config_update_notifier: 'false', ...settings},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        output += text;
      });
    }
    const [status] = await once(child, 'close');
    expect(status, `${words.join(' ')}\n${output}`).to.equal(0);
  }

  /** Runs the sessions by these words of a shell, and a program in `folder`, beside node_modules. */
  async function expectToWork(dek: string, folder: string, run: readonly string[] = []): Promise<void> {
    fs.writeFileSync(join(folder, 'program.mjs'), PROGRAM);
    const [file, ...args] = [...run, process.execPath, join(folder, 'program.mjs')];
    const output = execFileSync(file!, args, {encoding: 'utf8'});
    expect(JSON.parse(output)).to.deep.include({keySize: 256, isLoaded: true, types: ['function', 'function']});
    for (const session of SESSIONS) {
      const text = fs.readFileSync(session, 'utf8');
      expect(await runSession(text, dek)).to.equal(text);
    }
  }

  /** Its command as the package manager has put it there. */
  const binOf = (folder: string): string => `'${join(folder, 'node_modules/.bin/dek')}'`;

  it('has native modules for each processor of NIC hosts', () => {
    const files = execFileSync('tar', ['-tzf', tarball], {encoding: 'utf8'}).split('\n');
    for (const cpu of ['arm64', 'x64']) {
      expect(files).to.include(`package/node_modules/@koromix/koffi-linux-${cpu}/linux_${cpu}/koffi.node`);
    }
  });

  it('by npm for all users, with engine-strict, has its manual pages and starts from a cache', async () => {
    const prefix = project('global');
    await install(prefix, ['npm', 'install', '--global', '--prefix', prefix, '--engine-strict', tarball]);
    const there = join(prefix, 'lib/node_modules/mlx5-dek');
    const pages = fs.readdirSync(join(ROOT, 'man')).map((page) => `share/man/man${page.at(-1)}/${page}`);
    for (const page of pages) expect(fs.readFileSync(join(prefix, page), 'utf8'), page).to.match(/^\.Dd /m);
    expect(fs.existsSync(join(there, 'dist/bundle/dek.cjs.cache')), 'compile cache').to.equal(true);
    await expectToWork(`'${join(prefix, 'bin/dek')}'`, join(prefix, 'lib'));
  });

  it('virtual-connectx, a package of its own, by npm for all users', async () => {
    execFileSync(join(ROOT, 'scripts/package/virtual-connectx'), [work]);
    const [packed] = fs.readdirSync(work).filter((file) => /^virtual-connectx-.*\.tgz$/.test(file));
    const prefix = project('vcx');
    await install(prefix, ['npm', 'install', '--global', '--prefix', prefix, join(work, packed!)]);
    expect(fs.readFileSync(join(prefix, 'share/man/man1/vcx.1'), 'utf8')).to.match(/^\.Dd /m);
    // Its library is compiled here.
    const script = `${prefix}/bin/vcx create nic --json > /dev/null && ${prefix}/bin/vcx exec nic -- ibv_devinfo -l`;
    expect(execFileSync('bash', ['-c', script], {cwd: prefix, encoding: 'utf8'})).to.match(
      /^1 HCA found:\n\s*mlx5_0$/m,
    );
  });

  it('by npm --offline --ignore-scripts', async () => {
    const folder = project('npm');
    await install(folder, ['npm', 'install', '--offline', '--ignore-scripts', tarball]);
    await expectToWork(binOf(folder), folder);
  });

  it('by pnpm --offline, which links', async () => {
    const folder = project('pnpm');
    await install(folder, [tool('pnpm'), 'add', '--offline', `--store-dir=${join(folder, '.store')}`, tarball]);
    expect(fs.lstatSync(join(folder, 'node_modules/mlx5-dek')).isSymbolicLink()).to.equal(true);
    await expectToWork(binOf(folder), folder);
  });

  it('by yarn 1, which asks its registry for the dependencies and refuses other engines', async () => {
    const folder = project('yarn');
    const cache = `--cache-folder=${join(folder, '.cache')}`;
    let registry: Registry | undefined;
    try {
      registry = await startRegistry(ROOT, ['@noble/ciphers', 'koffi'], work);
      await install(folder, [tool('yarn'), 'add', cache, `file:${tarball}`], {npm_config_registry: registry.url});
    } finally {
      registry?.close();
    }
    await expectToWork(binOf(folder), folder);
  });

  it('with its dependencies as links', async () => {
    const folder = project('links');
    await install(folder, ['npm', 'install', '--offline', tarball]);
    const modules = join(folder, 'node_modules/mlx5-dek/node_modules');
    for (const name of ['koffi', '@noble/ciphers']) {
      const elsewhere = join(folder, 'elsewhere', name);
      fs.mkdirSync(join(elsewhere, '..'), {recursive: true});
      fs.renameSync(join(modules, name), elsewhere);
      fs.symlinkSync(elsewhere, join(modules, name));
    }
    fs.renameSync(join(modules, '@koromix'), join(folder, 'elsewhere/@koromix'));
    await expectToWork(binOf(folder), folder);
  });

  it('on a read-only file system', async function () {
    const folder = project('read-only');
    await install(folder, ['npm', 'install', '--offline', '--ignore-scripts', tarball]);
    const script = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0" && exec "$@"';
    const readOnly = ['unshare', '--map-root-user', '--mount', 'sh', '-c', script, folder];
    const [file, ...args] = readOnly;
    skipWithout('mounts', this, spawnSync(file!, [...args, 'true']).status === 0);
    expect(spawnSync(file!, [...args, 'touch', join(folder, 'x')], {encoding: 'utf8'}).stderr).to.match(/Read-only/);
    await expectToWork(`${readOnly.map((word) => `'${word}'`).join(' ')} ${binOf(folder)}`, folder, readOnly);
  });
});

/** The path of a package manager that is a development dependency. */
function tool(name: string): string {
  const path = join(ROOT, 'node_modules/.bin', name);
  expect(fs.existsSync(path), `${path}, which npm ci installs`).to.equal(true);
  return path;
}
