/**
 * README.md and docs/, run from their own text: each session on a virtual ConnectX of its own. What it prints is
 * compared where the page shows it; a command that shows no error has to end with 0.
 */
import {expect} from 'chai';
import {SoftTpm} from '../support/keys/swtpm.js';
import {shownOutput} from '../support/process/session.js';
import {Terminal} from '../support/process/terminal.js';
import {blocksOf, commandsOf, common, PAGES, sessionsOf} from './blocks.js';
import {ELSEWHERE} from './elsewhere.js';
import {INSTEAD, STAGES, type Stage} from './stages.js';

/** Programs, which library.nic.test.ts compiles and runs. */
const PROGRAMS: readonly string[] = ['program', 'shared-context'];

for (const page of PAGES) {
  describe(page, () => {
    const sessions = [...sessionsOf(page)].filter(([name]) => !PROGRAMS.includes(name));
    const stages = STAGES[page] ?? {};

    it('has a stage for each session, and a reason for each block that is not run', () => {
      expect(sessions.map(([name]) => name)).to.have.members(Object.keys(stages));
      const others = blocksOf(page).filter(({name}) => name === undefined);
      const reasons = ELSEWHERE[page] ?? [];
      expect(others.map(({text}) => reasons.find(([begins]) => text.startsWith(begins))?.[0] ?? text)).to.deep.equal(
        reasons.map(([begins]) => begins),
      );
    });

    for (const [name, text] of sessions) {
      const stage = stages[name];
      if (stage === undefined) continue;
      it(`shows what is so: ${name}`, async () => {
        const tpm = stage.tpm ? await SoftTpm.start() : undefined;
        try {
          const here = (line: string): string =>
            tpm ? line.replace(/tpm:(0x[0-9a-f]+)/g, (_, index: string) => tpm.index(index)) : line;
          await Terminal.with((terminal) => play(terminal, stage, text, here));
        } finally {
          await tpm?.stop();
        }
      });
    }
  });
}

/** `here` is a command of the page as it goes here. */
async function play(
  terminal: Terminal,
  {before = [], after}: Stage,
  text: string,
  here: (line: string) => string,
): Promise<void> {
  for (const line of before) await expectSuccess(terminal, line);
  for (const step of commandsOf(INSTEAD.reduce((all, [from, to]) => all.replaceAll(from, to), text))) {
    await compare(terminal, {...step, command: here(step.command)});
  }
  if (after !== undefined) await expectSuccess(terminal, after);
}

async function compare(terminal: Terminal, {command, shown}: {command: string; shown: string}): Promise<void> {
  if (/ -- bash$/.test(command)) return terminal.enter(command);
  // An agent stays, whether the page says so or not.
  const {output, exit} = await terminal.run(/^dek agent .*[^&]$/.test(command) ? `${command} &` : command);
  if (!/^(error: |\{\n {2}"error")/m.test(shown)) expect(exit, `${command}\n${output}`).to.equal(0);
  if (shown === '') return;
  expect(shownOutput(common(shown).split('\n'), common(output)).join('\n'), command).to.equal(common(shown));
}

async function expectSuccess(terminal: Terminal, line: string): Promise<void> {
  if (/\bbash$/.test(line)) return terminal.enter(line);
  const {output, exit} = await terminal.run(line);
  expect(exit, `${line}\n${output}`).to.equal(0);
}
