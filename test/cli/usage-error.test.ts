/** What is wrong with a command line, in our words. The errors are oclif's own, of its parser. */

import {Parser} from '@oclif/core';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {expect} from 'chai';
import {nearest, usageHint, usageMessage} from '../../src/cli/usage-error.js';

const COMMAND = {
  args: {name: Args.string({required: true, ignoreStdin: true}), key: Args.string({required: true, ignoreStdin: true})},
  flags: {
    kek: Flags.string(),
    format: Flags.option({options: ['raw', 'hex', 'base64'] as const, exclusive: ['size']})(),
    size: Flags.string({dependsOn: ['kek']}),
    count: Flags.integer({min: 1, max: 5}),
    query: Flags.boolean({allowNo: true}),
  },
};
const REQUIRED = {flags: {from: Flags.string({required: true}), to: Flags.string({required: true})}};

async function errorOf(argv: string[], command: object = COMMAND): Promise<Error> {
  try {
    await Parser.parse(argv, command);
  } catch (error) {
    return error as Error;
  }
  throw new Error('it parsed');
}

const messageOf = async (...asked: Parameters<typeof errorOf>): Promise<string> =>
  usageMessage((await errorOf(...asked)).message);

describe('usage-error', () => {
  for (const [words, message] of [
    ['', 'missing arguments: NAME, KEY'],
    ['a', 'missing argument: KEY'],
    ['a b c d', 'unexpected arguments: c, d'],
    ['a b --opaqe', 'unknown option: --opaqe'],
    ['a b --x --y', 'unknown options: --x, --y'],
    ['a b --kek x --kek y', '--kek is given more than once'],
    ['a b --kek', 'option --kek requires a value'],
    ['a b --format', 'option --format requires raw, hex or base64'],
    ['a b --format pem', '--format expected raw, hex or base64, got "pem"'],
    ['a b --count x', '--count expected an integer, got "x"'],
    ['a b --count=', '--count expected an integer, got ""'],
    ['a b --count 0', '--count expected at least 1, got "0"'],
    ['a b --count 6', '--count expected at most 5, got "6"'],
    ['a b --size 1', '--size requires --kek'],
    ['a b --size 1 --kek x --format raw', '--format and --size exclude each other'],
    ['a b --size 1 --format raw', '--size requires --kek; --format and --size exclude each other'],
  ] as const) {
    it(`says of "${words}": ${message}`, async () => {
      const said = await messageOf(words.split(' ').filter(Boolean));
      expect(said.split('; ')).to.have.members(message.split('; '));
    });
  }

  it('names the options that are missing', async () => {
    expect(await messageOf([], REQUIRED)).to.equal('missing options: --from, --to');
    expect(await messageOf(['--to', 'x'], REQUIRED)).to.equal('missing option: --from');
  });

  it('does not repeat what may be a key', async () => {
    const key = '00112233445566778899aabbccddeeff';
    for (const words of [`a b ${key}`, `a b --format ${key}`, `a b --count ${key}`]) {
      expect(await messageOf(words.split(' ')))
        .to.include('(32 characters, not shown')
        .and.not.include('0011');
    }
  });

  for (const [words, hint] of [
    ['a b --knt 1', undefined],
    ['a b --cuont 1', 'did you mean --count?'],
    ['a b --coun 1', 'did you mean --count?'],
    ['a b --no-qery', 'did you mean --no-query?'],
    ['a b --cuont --keq', undefined],
    ['a b --size 1 --kek x --format raw', 'leave one of them out'],
    ['a b --size 1 --format raw', undefined],
    ['a', undefined],
    ['a b --count x', undefined],
  ] as const) {
    it(`has ${hint === undefined ? 'no next step' : `the next step "${hint}"`} after "${words}"`, async () => {
      expect(usageHint(await errorOf(words.split(' ')))).to.equal(hint);
    });
  }

  for (const [word, meant] of [
    ['lits', 'list'],
    ['lst', 'list'],
    ['lisst', 'list'],
    ['lust', 'list'],
    ['log', 'login'],
    ['destr', 'destroy'],
    ['manfiset', 'manifest'],
    ['l', undefined],
    ['', undefined],
    ['tsil', undefined],
    ['keys', undefined],
  ] as const) {
    it(`takes "${word}" for ${meant ?? 'no other word'}`, () => {
      expect(nearest(word, ['list', 'login', 'destroy', 'manifest', 'query'])).to.equal(meant);
    });
  }
});
