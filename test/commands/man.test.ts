/**
 * The man pages: every command, argument and flag is in one, they are what the manifest makes, and mandoc finds no
 * fault.
 */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import type {Interfaces} from '@oclif/core';
import {expect} from 'chai';
import {manualPages} from '../../scripts/committed.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const MAN = join(ROOT, 'man');
const manifest: Interfaces.Manifest = JSON.parse(fs.readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8'));
const pages = fs.readdirSync(MAN).sort();
const read = (page: string): string => fs.readFileSync(join(MAN, page), 'utf8');
const pageOf = (id: string): string => (id === 'agent' ? 'dek-agent.8' : `dek-${id.replaceAll(':', '-')}.1`);

describe('man', () => {
  for (const {id, args, flags} of Object.values(manifest.commands)) {
    it(`${pageOf(id)} has every argument and flag of dek ${id.replaceAll(':', ' ')}`, () => {
      const page = plain(read(pageOf(id)));
      for (const {name} of Object.values(args)) expect(page).to.match(itemPattern(`Ar ${name.toUpperCase()}`));
      for (const {name, char} of Object.values(flags)) {
        expect(page).to.match(itemPattern(`${char ? `Fl ${char} , ` : ''}Fl -${name}`));
      }
    });
  }

  it('dek.1 names every command', () => {
    const page = read('dek.1');
    for (const id of Object.keys(manifest.commands)) {
      const [name, section] = pageOf(id).split('.');
      expect(page).to.match(new RegExp(`^\\.(It|Xr) .*\\b${name} ${section}\\b`, 'm'));
    }
  });

  it('has no page without a command', () => {
    expect(pages).to.have.members([
      'dek.1',
      'dek-fleet.7',
      'dek-fleet-start.8',
      'dek-manifest.5',
      'dek-envelope.5',
      'dek-attach.7',
      ...Object.keys(manifest.commands).map(pageOf),
    ]);
  });

  it('dek-fleet-start.8 has every option of the script', () => {
    const script = fs.readFileSync(join(ROOT, 'contrib/fleet/dek-fleet-start'), 'utf8');
    const [, options] = /getopts :([a-z:]+) /.exec(script)!;
    for (const option of options!.replaceAll(':', '')) {
      expect(read('dek-fleet-start.8')).to.match(itemPattern(`Fl ${option}`));
    }
  });

  it('is installed with the package', () => {
    const {man, files} = JSON.parse(fs.readFileSync(join(ROOT, 'package.json'), 'utf8'));
    expect(man.map((path: string) => path.replace('./', ''))).to.have.members(pages.map((page) => `man/${page}`));
    expect(files).to.include('man');
  });

  for (const [path, text] of manualPages(manifest, read('dek.1'))) {
    it(`${path} is what the commands and the table of sources say`, () => {
      const page = fs.readFileSync(join(ROOT, path), 'utf8');
      expect(page, 'run npm run build && npm run man, and commit the pages').to.equal(text);
    });
  }

  describe('mandoc finds no fault', () => {
    // A page that one refers to is looked for in the system's manual and in the current directory.
    const directory = temporaryDirectory();
    const place = (page: string, text: string): void => fs.writeFileSync(join(directory, page), text);

    before(() => {
      for (const page of pages) place(page, read(page));
      for (const page of FOREIGN) place(page, '');
    });
    after(() => fs.rmSync(directory, {recursive: true}));

    function lint(page: string): string {
      const {stdout, stderr, error} = spawnSync('mandoc', ['-T', 'lint', page], {encoding: 'utf8', cwd: directory});
      if (error) throw error;
      return `${stdout}${stderr}`;
    }

    for (const page of pages) {
      it(`in ${page}`, () => {
        expect(lint(page)).to.equal('');
      });
    }

    it('but in a page that refers to one that is not there', () => {
      place('wrong.1', read('dek.1').replace('Xr dek-wrap 1', 'Xr dek-warp 1'));
      expect(lint('wrong.1')).to.include('referenced manual not found: Xr dek-warp 1');
    });
  });
});

/** Pages of other packages that ours refer to. */
const FOREIGN = ['cron.8', 'mlx5dv_crypto_login.3', 'mlx5dv_dek_create.3', 'sd_notify.3'];

/** roff's escapes as what they print. */
function plain(page: string): string {
  return page.replaceAll('\\-', '-').replaceAll('\\e', '\\');
}

/** A line that begins the entry of an argument or a flag. */
function itemPattern(item: string): RegExp {
  return new RegExp(`^\\.It ${item.replace(/[=]/g, '\\$&')}( |$)`, 'm');
}
