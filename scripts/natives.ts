/**
 * Puts Koffi's native modules for every architecture of NICs' hosts into node_modules, where npm installs that of this
 * machine alone, so that `npm pack` bundles them and the package can be installed on a host without a network. As
 * package-lock.json has them.
 */
import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

const NATIVES = ['@koromix/koffi-linux-arm64', '@koromix/koffi-linux-x64'];

const root = fileURLToPath(new URL('../../', import.meta.url));
const lock = JSON.parse(fs.readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
  packages: Record<string, {version: string; integrity: string}>;
};

for (const name of NATIVES) {
  const place = `node_modules/${name}`;
  const {version, integrity} = lock.packages[place]!;
  if (versionIn(join(root, place)) !== version) install(`${name}@${version}`, integrity, join(root, place));
}

function versionIn(folder: string): string | undefined {
  const file = join(folder, 'package.json');
  return fs.existsSync(file) ? (JSON.parse(fs.readFileSync(file, 'utf8')) as {version: string}).version : undefined;
}

/** npm itself would not: it is for another processor. */
function install(spec: string, integrity: string, folder: string): void {
  const work = fs.mkdtempSync(join(root, 'node_modules/.natives-'));
  try {
    const pack = ['pack', spec, '--json', '--prefer-offline', '--ignore-scripts', '--pack-destination', work];
    // Not that npm's settings which called this script: it would only pretend under `npm pack --dry-run`.
    execFileSync('npm', [...pack, '--dry-run=false'], {cwd: work, stdio: ['ignore', 'ignore', 'inherit']});
    const file = join(work, fs.readdirSync(work).find((entry) => entry.endsWith('.tgz'))!);
    const found = `sha512-${createHash('sha512').update(fs.readFileSync(file)).digest('base64')}`;
    if (found !== integrity) throw new Error(`${spec} is not what package-lock.json names: ${found}`);
    execFileSync('tar', ['-xzf', file, '-C', work]);
    fs.rmSync(folder, {recursive: true, force: true});
    fs.mkdirSync(join(folder, '..'), {recursive: true});
    fs.renameSync(join(work, 'package'), folder);
  } finally {
    fs.rmSync(work, {recursive: true});
  }
}
