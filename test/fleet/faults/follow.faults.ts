/** `dek fleet status --follow` and `--watch`, as a person ends them, also while etcd gives no answer or is away. */
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {EtcdCluster} from '../../support/fleet/etcd.js';
import {newOfficerKeys, TestSet, volumes} from '../../support/fleet/fleet.js';
import {SimulatedHost} from '../../support/fleet/simulated-host.js';
import {DEK, runDek} from '../../support/process/run-dek.js';
import {PseudoTerminal} from '../../support/pseudo-terminal.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';

const NAMES = ['node-1', 'node-2'];

describe('dek fleet status that stays', () => {
  let etcd: EtcdCluster;
  let directory: string;
  let hosts: SimulatedHost[] = [];
  let terminal: PseudoTerminal;
  const open = (flag: string): PseudoTerminal => {
    const words = `'${process.execPath}' '${DEK}' fleet status ${flag} --fleet '${etcd.uri('root')}'`;
    terminal = new PseudoTerminal(words, {columns: 100});
    return terminal;
  };

  beforeEach(async () => {
    etcd = await EtcdCluster.start({names: NAMES});
    directory = temporaryDirectory();
    const path = await new TestSet(directory).write({names: volumes(1), under: newOfficerKeys(1)});
    const words = ['fleet', 'publish', path, ...NAMES.flatMap((name) => ['--host', name])];
    expect((await runDek([...words, '--fleet', etcd.uri('root')])).status).to.equal(0);
    for (const name of NAMES) hosts.push(await SimulatedHost.start(name, etcd.parsed(name), join(directory, name)));
  });
  afterEach(async () => {
    terminal.kill();
    for (const host of hosts) await host.stop();
    hosts = [];
    await etcd.stop();
    fs.rmSync(directory, {recursive: true});
  });

  for (const flag of ['--follow', '--watch']) {
    it(`${flag} ends by Ctrl-C with 0 when all are well, on a line of its own`, async () => {
      const shown = open(flag);
      await shown.shows(/2 of 2 hosts well/);
      shown.interrupt();
      expect(await shown.exit()).to.equal(0);
      expect(shown.text).to.match(/\^C\r\n$/);
    });

    it(`${flag} ends by Ctrl-C with 7 when one is down, at once while the store gives no answer`, async () => {
      const shown = open(flag);
      await shown.shows(/2 of 2 hosts well/);
      await hosts.pop()!.stop();
      await shown.shows(/1 of 2 hosts well: 1 down/);
      await etcd.signal(0, 'SIGSTOP');
      shown.interrupt();
      expect(await shown.exit()).to.equal(7);
      await etcd.signal(0, 'SIGCONT');
    });
  }

  it('--follow goes on when the store was away', async () => {
    const shown = open('--follow');
    await shown.shows(/2 of 2 hosts well/);
    await etcd.signal(0, 'SIGKILL');
    await shown.shows(/not known for now: no member of etcd could be used/);
    await etcd.run(0);
    await shown.shows(/not known for now.*2 of 2 hosts well/s);
    shown.interrupt();
    expect(await shown.exit()).to.equal(0);
  });

  it('--watch ends with 1 while the store is away', async () => {
    const shown = open('--watch');
    await shown.shows(/2 of 2 hosts well/);
    await etcd.signal(0, 'SIGKILL');
    await shown.shows(/not known for now: no member of etcd could be used/);
    shown.interrupt();
    expect(await shown.exit()).to.equal(1);
    await etcd.run(0);
  });
});
