/** The sessions in test/commands/sessions, each in a directory of its own on a virtual ConnectX of its own. */
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {parseSession, renderSession, type Step} from '../support/process/session.js';
import {runSession} from '../support/process/terminal.js';

const SESSIONS = fileURLToPath(new URL('../../../test/commands/sessions/', import.meta.url));

describe('session', function () {
  this.timeout(600_000);
  const names = fs.readdirSync(SESSIONS).sort();
  const read = (name: string): string => fs.readFileSync(join(SESSIONS, name), 'utf8');
  const rendered = new Map<string, PromiseSettledResult<string>>();

  before('run all at once', async () => {
    const results = await Promise.allSettled(names.map((name) => runSession(read(name))));
    results.forEach((result, i) => {
      rendered.set(names[i]!, result);
    });
  });

  for (const name of names) {
    it(name.replace('.txt', ''), () => {
      const result = rendered.get(name)!;
      if (result.status === 'rejected') throw result.reason;
      expect(result.value).to.equal(read(name));
    });
  }

  describe('file', () => {
    const text = '# what this is\n$ cat x |\n> sort\na [..] c\n...\n\nlast (*)\n[exit 3]\n\n$ true\n';
    const [comment, sort, blank, end] = parseSession(text);
    const render = (output: string, exit = 3) =>
      renderSession(
        [comment!, sort!, blank!, end!],
        new Map([
          [sort as Step, {output, exit}],
          [end as Step, {output: '', exit: 0}],
        ]),
      );

    it('has commands, their output and their exit status', () => {
      expect(sort).to.deep.equal({command: 'cat x |\nsort', output: ['a [..] c', '...', '', 'last (*)'], exit: 3});
      expect(end).to.deep.equal({command: 'true', output: [], exit: 0});
    });

    it('equals what went as it says', () => {
      expect(render('a b c\n\nlast (*)\n')).to.equal(text);
      expect(render('a b b c\n1\n2\n\nlast (*)\n')).to.equal(text);
    });

    it('differs from what did not', () => {
      for (const output of ['', 'a b\n\nlast (*)\n', 'a b c\nlast (*)\n', 'a b c\n\nlast (*)\nmore\n']) {
        expect(render(output), output).to.not.equal(text);
      }
      expect(render('a b c\n\nlast (*)\n', 0)).to.not.equal(text);
    });

    it('starts with a command', () => {
      expect(() => parseSession('output\n$ true\n')).to.throw('line 1');
    });
  });
});
