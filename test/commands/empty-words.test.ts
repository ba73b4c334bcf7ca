/** An empty word, which a script makes of a variable that is not set, never means what leaving it out means. */
import fs from 'node:fs';
import type {Command, Interfaces} from '@oclif/core';
import {expect} from 'chai';
import {connectAgent} from '../../src/agent/client.js';
import type {DekCommand} from '../../src/cli/base.js';
import {COMMANDS} from '../../src/command-table.js';
import {createVirtual, openVirtual} from '../../src/virtual/index.js';
import {thrownBy} from '../support/process/errors-thrown.js';
import {runDek} from '../support/process/run-dek.js';

const path = new URL('../../../oclif.manifest.json', import.meta.url);
const manifest: Interfaces.Manifest = JSON.parse(fs.readFileSync(path, 'utf8'));

/** Flags of which nothing at all is a value: a DEK without a label. */
const MAY_BE_EMPTY = ['opaque'];

describe('an empty word', () => {
  for (const {id, flags, args} of Object.values(manifest.commands)) {
    const name = id.replaceAll(':', ' ');
    const required = Object.values(flags).filter((flag) => flag.required);
    const words = Object.values(args).filter((arg) => arg.required || arg.name === 'name');
    const filled = (empty?: Command.Flag.Cached) => [
      ...words.map(() => 'x'),
      ...wordsOf(required.filter((flag) => flag.name !== empty?.name)),
    ];

    for (const flag of Object.values(flags)) {
      if (flag.type !== 'option') continue;
      const mayBe = MAY_BE_EMPTY.includes(flag.name);
      it(`is ${mayBe ? 'a' : 'no'} value of dek ${name} --${flag.name}`, async () => {
        const needed = [...neededBy(flag, flags)].filter((other) => other !== flag);
        const argv = [...filled(flag), ...wordsOf(needed), `--${flag.name}`, ''];
        const refusal = await parse(name, argv);
        const spoken = ['(is empty|expected)', '=? to be one of', '\\s+Expected an integer'];
        const refused = new RegExp(`--${flag.name} ?(${spoken.join('|')})`);
        if (mayBe) expect(refusal).to.equal('');
        else expect(refusal).to.match(refused);
      });
    }

    for (const [i, {name: arg}] of Object.values(args).entries()) {
      it(`is no ${arg} of dek ${name}`, async () => {
        const argv = [...Object.values(args).map((_, k) => (k === i ? '' : 'x')), ...wordsOf(required)];
        expect(await parse(name, argv)).to.equal(`${arg.toUpperCase()} is empty`);
      });
    }
  }

  it('is none of several values and arguments', async () => {
    expect(await parse('agent', ['--device', 'mlx5_0,,mlx5_1'])).to.equal('--device is empty');
    expect(await parse('destroy', ['a', ''])).to.equal('an argument is empty');
  });

  it('is no socket, of the command line and of the environment', async () => {
    const flag = await runDek(['destroy', '--all', '--socket', '']);
    expect([flag.status, flag.stderr.split('\n')[0]]).to.deep.equal([2, 'error: --socket is empty']);
    const variable = await runDek(['destroy', '--all'], {env: {DEK_AGENT_SOCKET: ''}});
    expect([variable.status, variable.stderr.split('\n')[0]]).to.deep.equal([2, 'error: $DEK_AGENT_SOCKET is empty']);
  });

  it('is no path in the library', async () => {
    for (const call of [() => connectAgent(''), () => createVirtual(''), () => openVirtual('')]) {
      expect(await thrownBy(call))
        .to.include({code: 'BAD_ARGUMENT'})
        .and.property('message')
        .match(/ is empty$/);
    }
  });
});

/** Why the command does not take these words; '' when it does. It is not run. */
async function parse(name: string, argv: string[]): Promise<string> {
  const {default: Parsed} = await COMMANDS[name]!();
  class Probe extends (Parsed as unknown as new (argv: string[]) => DekCommand) {
    override run(): Promise<unknown> {
      return this.parse(Parsed as never);
    }
    protected override jsonEnabled(): boolean {
      return false;
    }
  }
  Object.assign(Probe, {enableJsonFlag: false});
  try {
    await new Probe(argv).run();
    return '';
  } catch (error) {
    return (error as Error).message;
  }
}

/** The flags that it goes with, and theirs. */
function neededBy(
  flag: Command.Flag.Cached,
  all: Record<string, Command.Flag.Cached>,
  found = new Set<Command.Flag.Cached>(),
): Set<Command.Flag.Cached> {
  for (const other of (flag.dependsOn ?? []).map((name) => all[name]!)) {
    if (!found.has(other)) neededBy(other, all, found.add(other));
  }
  return found;
}

/** The flags, each with a value that it takes. */
function wordsOf(flags: readonly Command.Flag.Cached[]): string[] {
  return flags.flatMap((flag) => {
    if (flag.type === 'boolean') return [`--${flag.name}`];
    const number = flag.helpValue === 'N' || flag.helpValue === 'ID' ? '1' : 'x';
    return [`--${flag.name}`, flag.options?.[0] ?? number];
  });
}
