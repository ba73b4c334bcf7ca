/** The help of every command: a text that is read as a whole, and lines of usage that are right. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {fileURLToPath} from 'node:url';
import type {Interfaces} from '@oclif/core';
import {expect} from 'chai';
import {commandHelp, helpFiles} from '../../scripts/help-text.js';
import {spacedId, usageLines, usageParts} from '../../scripts/usage.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const readJson = (name: string): unknown => JSON.parse(fs.readFileSync(`${ROOT}${name}`, 'utf8'));
const manifest = readJson('oclif.manifest.json') as Interfaces.Manifest;
const files = helpFiles(manifest, readJson('package.json') as Interfaces.PJSON);

describe('help', () => {
  for (const [name, text] of files) {
    describe(name, () => {
      it('is what the build wrote', () => {
        expect(fs.readFileSync(`${ROOT}dist/${name}`, 'utf8')).to.equal(text);
      });

      it('is 80 columns wide', () => {
        expect(text.split('\n').filter((line) => line.length > 80 || /\s$/.test(line))).to.deep.equal([]);
      });
    });
  }

  for (const command of Object.values(manifest.commands)) {
    describe(`of dek ${spacedId(command)}`, () => {
      const text = commandHelp(command);
      const usages = usageLines(command);

      it('says its summary once', () => {
        expect(text.startsWith(`${command.summary}\n\nUSAGE\n`)).to.equal(true);
        expect(text.split(command.summary!)).to.have.length(2);
      });

      it('has every argument and option in its usage, and no others', () => {
        const named =
          usages
            .join(' ')
            .replace(/--no-(query|explain)\b/g, '')
            .match(/--[a-z][a-z-]*/g) ?? [];
        expect(new Set(named)).to.deep.equal(new Set(Object.keys(command.flags).map((name) => `--${name}`)));
        for (const name of Object.keys(command.args)) expect(usages.join(' ')).to.include(name.toUpperCase());
      });

      for (const usage of usages) {
        it(`closes its brackets in: ${usage}`, () => {
          let open = '';
          for (const bracket of usage.match(/[[\]()]/g) ?? []) {
            if ('[('.includes(bracket)) open += bracket;
            else {
              expect(open.at(-1)).to.equal(bracket === ']' ? '[' : '(');
              open = open.slice(0, -1);
            }
          }
          expect(open).to.equal('');
          expect(usage).to.not.match(/ [\])]|[[(] |\| *[|\])]|[[(|] *\|/);
          expect(usageParts(usage).join(' ')).to.equal(usage);
        });

        it(`has a flag that is required in: ${usage}`, () => {
          for (const {name, required} of Object.values(command.flags)) {
            if (required)
              expect(usage)
                .to.match(new RegExp(`(^| )--${name} [A-Z]`))
                .and.not.include(`[--${name} `);
          }
        });
      }

      it('says of its options and arguments what they are, in lower case and without a full stop', () => {
        for (const {name, description} of Object.values(command.flags)) {
          expect(description, name).to.match(/^([a-z0-9]|NICs|KEY|DEK).*[^.]$/s);
          expect(description, name).to.not.match(/ without$| by default|if its content/);
        }
      });
    });
  }

  for (const [usage, parts] of [
    ['NAME... [--socket PATH]', ['NAME...', '[--socket PATH]']],
    ['--kek SOURCE [--a | --b HEX] -- CMD', ['--kek SOURCE', '[--a | --b HEX]', '--', 'CMD']],
    ['(--a ID --b | --c) [-o FILE [--force]]', ['(--a ID --b | --c)', '[-o FILE [--force]]']],
  ] as const) {
    it(`breaks no part of ${usage}`, () => {
      expect(usageParts(usage)).to.deep.equal(parts);
    });
  }

  it('is printed by dek, by the name of a topic and by that of a command', () => {
    const asked = files.flatMap(([name, text]) => {
      const words = name.slice(0, -'.txt'.length).split('/').slice(1);
      return [
        [...words, '--help'],
        ['help', ...words],
      ].map((argv) => [argv, text] as const);
    });
    // All of them by one process: a start of each would take seconds.
    const program = `
      let printed;
      process.stdout.write = (text) => (printed = text);
      const texts = JSON.parse(process.argv[2]).map((words) => {
        for (const file of Object.keys(require.cache)) delete require.cache[file];
        process.argv = ['node', 'dek', ...words];
        printed = null;
        require(${JSON.stringify(`${ROOT}bin/dek.cjs`)});
        return printed;
      });
      require('node:fs').writeFileSync(2, JSON.stringify(texts));
      process.exit();`;
    const words = JSON.stringify(asked.map(([argv]) => argv));
    const {stderr} = spawnSync(process.execPath, ['-e', program, 'dek', words], {encoding: 'utf8'});
    const texts = JSON.parse(stderr) as (string | null)[];
    expect(asked.filter(([, text], i) => texts[i] !== text).map(([argv]) => argv.join(' '))).to.deep.equal([]);
    expect(asked).to.have.length.above(100);
  });

  it('is printed when nothing else was said, and of a topic that has no command of its name', () => {
    for (const [words, name] of [
      [[], 'help.txt'],
      [['virtual'], 'help/virtual.txt'],
      [['rollback-index'], 'help/rollback-index.txt'],
    ] as const) {
      const {stdout} = spawnSync(process.execPath, [`${ROOT}bin/dek.cjs`, ...words], {encoding: 'utf8'});
      expect(stdout).to.equal(files.find(([file]) => file === name)?.[1]);
    }
  });
});
