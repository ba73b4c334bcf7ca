/** contrib/completion: what the commands say, and what the shells make of it. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {completions} from '../../scripts/committed.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const COMPLETION = join(ROOT, 'contrib', 'completion');
const manifest = JSON.parse(fs.readFileSync(join(ROOT, 'oclif.manifest.json'), 'utf8'));

/**
 * For each shell: a program that prints what it offers for the words that it is given, of which the last is unfinished.
 */
const SHELLS: Record<string, string[]> = {
  bash: [
    'bash',
    '--norc',
    '-c',
    `source ${COMPLETION}/dek.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _dek; printf '%s\\n' "\${COMPREPLY[@]}"`,
    'bash',
  ],
  // Its completion runs only in a line editor: what it would be told is printed instead.
  zsh: [
    'zsh',
    '-f',
    '-c',
    `_describe() { print -rl -- "\${(@P)2}"; }; _arguments() { print -rl -- "$@"; }
     words=("$@"); CURRENT=$#; source ${COMPLETION}/_dek`,
    'zsh',
  ],
  fish: ['fish', '--no-config', '-c', `source ${COMPLETION}/dek.fish; complete -C "$argv"`],
};

describe('completion', () => {
  for (const [path, text] of completions(manifest)) {
    it(`${path} is what the commands say`, () => {
      const found = fs.readFileSync(join(ROOT, path), 'utf8');
      expect(found, 'run npm run build && npm run completion, and commit the scripts').to.equal(text);
    });
  }

  for (const [shell, [file, ...args]] of Object.entries(SHELLS)) {
    describe(`in ${shell}`, () => {
      /** What is offered, the descriptions and what zsh has around a name left out. */
      function offered(...words: string[]): string[] {
        const {stdout, stderr} = spawnSync(file!, [...args, ...words], {encoding: 'utf8', cwd: join(ROOT, 'contrib')});
        expect(stderr).to.equal('');
        return stdout
          .split('\n')
          .filter(Boolean)
          .map((line) => line.replace(/^\([^)]*\)/, '').replace(/(\t|\[|:(?=.)).*$/, ''));
      }

      it('offers the commands and topics', () => {
        expect(offered('dek', '')).to.include.members(['agent', 'apply', 'device', 'rewrap', 'help']);
      });

      it('offers the commands of a topic and no others', () => {
        expect(offered('dek', 'device', '')).to.have.members(['list', 'show']);
      });

      it("offers a command's own flags", () => {
        const flags = offered('dek', 'apply', '--');
        expect(flags).to.include.members(['--dry-run', '--keep-going', '--reload', '--help']);
        expect(flags).not.to.include('--check-interval');
      });

      it('does not take dek device list for dek list', () => {
        expect(offered('dek', 'device', 'list', '--')).not.to.include('--socket');
      });

      if (shell === 'zsh') return;

      it('offers the words that a value may be', () => {
        expect(offered('dek', 'keygen', '--size', '')).to.have.members(['128', '256']);
      });

      it('offers the kinds of sources that a value may be, and no others', () => {
        const kinds = (...words: string[]) => offered('dek', ...words, '').map((word) => word.replace(/:$/, ''));
        const isKind = (word: string) => !fs.existsSync(join(ROOT, 'contrib', word));
        expect(kinds('agent', '--rollback-index').filter(isKind)).to.have.members(['tpm', 'rpmb', 'file']);
        expect(kinds('rollback-index', 'show').filter(isKind)).to.have.members(['tpm', 'rpmb', 'file']);
        expect(kinds('rpmb', 'info', '--key'))
          .to.include('cred')
          .and.not.to.include('kmip');
        expect(kinds('keygen', '--kek')).to.include.members(['cred', 'kmip']);
        expect(kinds('manifest', 'sign', '--key')).to.include.members(['ssh-agent', 'cred']);
      });

      it('offers files where there is to be one', () => {
        expect(offered('dek', 'apply', 'fl').map((name) => name.replace(/\/$/, ''))).to.deep.equal(['fleet']);
      });

      it('offers no files where there is to be none', () => {
        expect(offered('dek', 'query', 'fl')).to.deep.equal([]);
      });
    });
  }
});
