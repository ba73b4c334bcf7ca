/** Writes dist/help: the help of every command and topic as text, so that `dek --help` starts nothing. 80 columns. */
import {mkdir, writeFile} from 'node:fs/promises';
import {dirname, join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {Config, Help} from '@oclif/core';

/** oclif's help, kept instead of printed. */
class HelpText extends Help {
  text = '';

  override log(...lines: string[]): void {
    this.text += `${lines.join(' ')}\n`;
  }
}

const root = fileURLToPath(new URL('../../', import.meta.url));
const {commandIDs, topics} = await Config.load(root);
for (const id of ['', ...commandIDs, ...topics.map(({name}) => name)]) {
  // Anew for each: oclif writes the names with spaces into what it has loaded.
  const help = new HelpText(await Config.load(root), {maxWidth: 80, stripAnsi: true});
  const words = id === '' ? [] : id.split(':');
  await help.showHelp(words);
  // Of the version bin/dek.cjs tells, and of the Node that runs then.
  const text = help.text.replace(/^VERSION\n.*\n\n/m, '');
  const file = `${join(root, 'dist/help', ...words)}.txt`;
  await mkdir(dirname(file), {recursive: true});
  await writeFile(file, text);
}
