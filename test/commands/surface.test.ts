/** The command surface: what users and their scripts rely on. A change of it is to be seen in a review. */
import fs from 'node:fs';
import {fileURLToPath} from 'node:url';
import {type Command, Config, Flags, type Interfaces, Parser} from '@oclif/core';
import {expect} from 'chai';
import {flagText} from '../../scripts/usage.js';
import {splitAtDashes} from '../../src/cli/child.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const SNAPSHOT = fileURLToPath(new URL('../../../test/commands/surface.json', import.meta.url));
const manifest: Interfaces.Manifest = JSON.parse(fs.readFileSync(`${ROOT}oclif.manifest.json`, 'utf8'));
const commands = Object.values(manifest.commands).sort((a, b) => (a.id < b.id ? -1 : 1));
const spaced = ({id}: {id: string}): string => id.replaceAll(':', ' ');

/** Commands that run a program or serve: their output is not a result. */
const WITHOUT_JSON = ['agent', 'run', 'virtual exec'];

describe('surface', () => {
  it('is as it was reviewed', () => {
    const actual = Object.fromEntries(commands.map((command) => [spaced(command), surfaceOf(command)]));
    if (process.env['UPDATE']) fs.writeFileSync(SNAPSHOT, `${JSON.stringify(actual, null, 2)}\n`);
    const hint = 'if the change is meant, run the tests with UPDATE=1 and commit test/commands/surface.json';
    expect(actual, hint).to.deep.equal(JSON.parse(fs.readFileSync(SNAPSHOT, 'utf8')));
  });

  for (const command of commands) {
    describe(spaced(command), () => {
      it('says what it is and what it does', () => {
        expect(command.summary).to.match(/^[a-z0-9].*[^.]$/);
        expect(command.description).to.match(/^\S[\s\S]*\.$/);
        expect(command.examples).to.have.length.above(0);
      });

      it('says what each argument and flag is', () => {
        for (const {name, description} of [...Object.values(command.args), ...Object.values(command.flags)]) {
          expect(description, name).to.match(/\S/);
        }
      });

      it('says a default once', () => {
        for (const flag of Object.values(command.flags)) {
          expect(flagText(flag).split('(default:').length, flag.name).to.be.below(3);
        }
      });

      it(`has ${WITHOUT_JSON.includes(spaced(command)) ? 'no ' : ''}--json`, () => {
        expect('json' in command.flags).to.equal(!WITHOUT_JSON.includes(spaced(command)));
      });

      it('has examples that parse', async () => {
        for (const line of exampleLines(command)) {
          const calls = callsIn(line);
          expect(calls.length, line).to.be.above(0);
          for (const words of calls) await parse(words);
        }
      });
    });
  }

  for (const wrong of ['query', 'query a b', 'lits', 'create a b --opaqe c', 'virtual exec nic -- dek lits']) {
    it(`does not parse an example that is wrong: dek ${wrong}`, async () => {
      const error = await parse(wrong.split(' ')).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(error).to.be.an('error');
    });
  }
});

/** What is compared: names, types and what goes together, not texts. A line each. */
function surfaceOf({args, flags, strict}: Command.Cached): {args: string; flags: Record<string, string>} {
  const names = Object.values(args).map(({name, required}) => (required ? name : `[${name}]`));
  const sorted = Object.values(flags).sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    args: `${names.join(' ')}${strict || names.length === 0 ? '' : '...'}`,
    flags: Object.fromEntries(sorted.map((flag) => [`--${flag.name}`, flagSurface(flag)])),
  };
}

function flagSurface(flag: Command.Flag.Cached): string {
  const {char, required, exclusive = [], dependsOn = []} = flag;
  const facts = [flag.type === 'option' ? (flag.options?.join('|') ?? `${flag.helpValue}`) : 'boolean'];
  if (char !== undefined) facts.push(`-${char}`);
  if (required) facts.push('required');
  if (flag.type === 'option' && flag.multiple) facts.push('multiple');
  if (flag.default !== undefined && flag.default !== '') facts.push(`default ${flag.default}`);
  if (exclusive.length > 0) facts.push(`not with ${exclusive.join(', ')}`);
  if (dependsOn.length > 0) facts.push(`only with ${dependsOn.join(', ')}`);
  return facts.join('; ');
}

function exampleLines(command: Command.Cached): string[] {
  return (command.examples ?? []).map((example) => (typeof example === 'string' ? example : example.command));
}

/** The words after `dek` of every call of dek in a command line, without redirections. */
function callsIn(line: string): string[][] {
  return line
    .split(/[|&;]+(?=(?:[^']*'[^']*')*[^']*$)/) // what is in quotes is no end
    .map((part) => part.trim())
    .filter((part) => part.startsWith('dek '))
    .map((part) =>
      (part.replace(/\s\d?[<>]\s*\S+/g, '').match(/'[^']*'|\S+/g) ?? [])
        .map((word) => word.replace(/^'(.*)'$/, '$1'))
        .slice(1),
    );
}

/** Parses the words as oclif does; throws what it throws. A command after `--` is parsed too when it is dek. */
async function parse(words: string[]): Promise<void> {
  const config = await Config.load(ROOT);
  const length = [3, 2, 1].find((length) => config.findCommand(words.slice(0, length).join(':')));
  const command = config.findCommand(words.slice(0, length).join(':'), {must: true});
  const Loaded = await command.load();
  let argv = words.slice(length);
  if (command.id === 'run' || command.id === 'virtual:exec') {
    const {own, command: inner} = splitAtDashes(argv);
    argv = own;
    if (inner[0] === 'dek') await parse(inner.slice(1));
  }
  const {args, flags, baseFlags, strict, enableJsonFlag} = Loaded;
  const json = enableJsonFlag ? {json: Flags.boolean()} : {};
  await Parser.parse(argv, {args, flags: {...baseFlags, ...flags, ...json}, strict});
}
