import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {whichHosts} from '../../src/cli/fleet-hosts.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

describe('the hosts of a fleet that a command is for', () => {
  const directory = temporaryDirectory();
  const path = join(directory, 'hosts');
  after(() => fs.rmSync(directory, {recursive: true}));
  const listed = (text: string): Promise<string[] | undefined> => {
    fs.writeFileSync(path, text);
    return whichHosts({hosts: path});
  };
  const refused = async (text: string): Promise<string> => {
    const error = await listed(text).catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 'BAD_INPUT');
    return (error as Error).message;
  };

  it('are those of --host and of the file, each once', async () => {
    expect(await listed('node-1\n\n# those in the cellar\n  node-2  # soon\nnode-1\n')).to.deep.equal([
      'node-1',
      'node-2',
    ]);
    expect(await whichHosts({host: ['node-3', 'node-2'], hosts: path})).to.deep.equal(['node-3', 'node-2', 'node-1']);
    expect(await whichHosts({all: true})).to.equal(undefined);
  });

  it('are not none: a file without a name is refused', async () => {
    for (const text of ['', '\n \n', '# nobody\n']) expect(await refused(text)).to.equal(`${path} names no host`);
  });

  it('have names: the line at fault is told', async () => {
    for (const wrong of ['a b', '-a', '../a', 'n'.repeat(300), '\0', 'é']) {
      expect(await refused(`node-1\n${wrong}\n`)).to.equal(`${path}: line 2 is no name of a host`);
    }
  });
});
