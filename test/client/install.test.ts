/** libmlx5dek as who installs it gets it: `make -C client install`, with nothing but a C compiler and rdma-core. */
import {execFileSync, spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {temporaryDirectory} from '../support/temporary-directory.js';

const CLIENT = fileURLToPath(new URL('../../../client', import.meta.url));
const PROGRAM = `#include <mlx5dek.h>
#include <stdio.h>
int main(void)
{
  struct mlx5dek_options options = {};
  options.socket = "/nonexistent/agent.sock";
  puts(mlx5dek_attach(&options) ? "?" : mlx5dek_error());
}
`;

describe('make -C client install', () => {
  let folder: string;
  let prefix: string;

  const run = (command: string, ...args: string[]): string =>
    execFileSync(command, args, {cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe']});

  before(() => {
    folder = temporaryDirectory();
    prefix = join(folder, 'usr');
    const warnings = 'WARNINGS=-Wall -Wextra -Werror';
    run('make', '-s', '-C', CLIENT, 'install', `PREFIX=${prefix}`, `BUILD=${join(folder, 'build')}`, warnings);
  });
  after(() => fs.rmSync(folder, {recursive: true, force: true}));

  const functions = [
    ...fs.readFileSync(join(CLIENT, 'mlx5dek.h'), 'utf8').matchAll(/^[a-z].*?\b(mlx5dek_\w+)\(/gm),
  ].map(([, name]) => name!);

  it('installs the library, its header, its pages and what pkg-config reads', () => {
    const files = (fs.readdirSync(prefix, {recursive: true}) as string[])
      .filter((path) => !fs.statSync(join(prefix, path)).isDirectory() && !path.endsWith('.3'))
      .sort();
    expect(files).to.deep.equal([
      'include/mlx5dek.h',
      'lib/libmlx5dek.a',
      'lib/libmlx5dek.so',
      'lib/libmlx5dek.so.1',
      'lib/libmlx5dek.so.1.0.0',
      'lib/pkgconfig/mlx5dek.pc',
    ]);
    const pages = fs.readdirSync(join(prefix, 'share/man/man3'));
    expect(pages.sort()).to.deep.equal(['mlx5dek', ...functions].map((name) => `${name}.3`).sort());
  });

  it('makes a library that shows its functions, versioned, and nothing else, and needs libibverbs and libmlx5', () => {
    const library = join(prefix, 'lib/libmlx5dek.so');
    const symbols = run('nm', '-D', '--defined-only', library).trim().split('\n');
    const shown = symbols.filter((line) => / T /.test(line)).map((line) => line.split(' ').at(-1)!);
    expect(shown.sort()).to.deep.equal(functions.map((name) => `${name}@@MLX5DEK_1.0`).sort());
    expect(symbols).to.have.length(shown.length + 1); // the version itself
    const dynamic = run('readelf', '-d', library);
    expect(dynamic).to.match(/SONAME.*\[libmlx5dek\.so\.1\]/);
    const needed = [...dynamic.matchAll(/NEEDED.*\[(.*)\]/g)].map(([, name]) => name!);
    expect(needed.filter((name) => !/^(libc|ld-linux.*|libpthread)\.so/.test(name)).sort()).to.deep.equal([
      'libibverbs.so.1',
      'libmlx5.so.1',
    ]);
  });

  for (const [compiler, language] of [
    ['cc', 'c'],
    ['c++', 'c++'],
  ] as const) {
    it(`is linked by ${compiler} as pkg-config says`, () => {
      fs.writeFileSync(join(folder, 'program.c'), PROGRAM);
      const env = {...process.env, PKG_CONFIG_PATH: join(prefix, 'lib/pkgconfig')};
      const flags = execFileSync('pkg-config', ['--cflags', '--libs', 'mlx5dek'], {encoding: 'utf8', env}).split(/\s+/);
      const args = ['-Wall', '-Wextra', '-Werror', '-x', language, 'program.c', '-x', 'none', ...flags.filter(Boolean)];
      run(compiler, ...args, `-Wl,-rpath,${join(prefix, 'lib')}`, '-o', 'program');
      expect(run(join(folder, 'program'))).to.equal(
        '/nonexistent/agent.sock: No such file or directory; is dek agent running?\n',
      );
    });
  }

  it('compiles what docs/service.md shows', () => {
    const page = fs.readFileSync(fileURLToPath(new URL('../../../docs/service.md', import.meta.url)), 'utf8');
    const blocks = [...page.matchAll(/^```c\n(.*?)^```/gms)].map(([, code]) => code!);
    expect(blocks).to.have.length(1);
    fs.writeFileSync(join(folder, 'shown.c'), blocks[0]!);
    run('cc', '-Wall', '-Wextra', '-Werror', `-I${join(prefix, 'include')}`, '-c', 'shown.c');
  });

  it('installs pages that mandoc finds no fault with', () => {
    const pages = join(prefix, 'share/man/man3');
    for (const page of fs.readdirSync(pages)) {
      // A page of another package may not be installed here, nor its folder.
      const {stdout} = spawnSync('mandoc', ['-T', 'lint', page], {encoding: 'utf8', cwd: pages});
      const faults = stdout.split('\n').filter((line) => line && !/referenced manual not found/.test(line));
      expect(faults, page).to.deep.equal([]);
    }
  });

  it('leaves nothing in the source, and takes all away again', () => {
    run('make', '-s', '-C', CLIENT, 'uninstall', `PREFIX=${prefix}`);
    const left = (fs.readdirSync(prefix, {recursive: true}) as string[]).filter(
      (path) => !fs.statSync(join(prefix, path)).isDirectory(),
    );
    expect(left).to.deep.equal([]);
    expect(fs.readdirSync(CLIENT)).to.not.include('build');
  });
});
