/** Verdicts of `dek doctor` on a fleet, with a real etcd, and what causes each. */
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {HeldCopy} from '../../src/fleet/host/held.js';
import {FleetKeys} from '../../src/fleet/layout/keys.js';
import {parsePointer} from '../../src/fleet/layout/pointer.js';
import {EtcdCluster} from '../support/fleet/etcd.js';
import {newOfficerKeys, TestSet} from '../support/fleet/fleet.js';
import {Examiner} from '../support/process/examiner.js';
import {runDek} from '../support/process/run-dek.js';
import {temporaryDirectory} from '../support/temporary-directory.js';
import {OF_FLEET} from './halves.js';

describe('doctor, of a fleet', () => {
  const produced = new Set<string>();
  let etcd: EtcdCluster;
  let examiner: Examiner;
  let root: string;
  before(async () => {
    etcd = await EtcdCluster.start({names: ['node-1']});
    examiner = new Examiner();
    etcd.authority.issue('node-1', {days: 60});
    root = temporaryDirectory();
    fs.mkdirSync(join(root, 'sys/class'), {recursive: true});
  });
  after(async () => {
    await Promise.all([etcd?.stop(), examiner?.end()]);
    fs.rmSync(root, {recursive: true, force: true});
  });

  /** What the check finds of an agent that its unit starts on this fleet. */
  const look = async (uri: string): Promise<string[]> => {
    const unit = join(root, 'etc/systemd/system/dek-agent.service');
    fs.mkdirSync(join(unit, '..'), {recursive: true});
    fs.writeFileSync(unit, `[Service]\nStateDirectory=dek-agent\nExecStart=dek agent --manifest ${uri}\n`);
    const lines = await examiner.examine({root}, {agent: 'NO_AGENT'});
    return lines.filter(({check}) => check === 'fleet').flatMap(({verdict}) => verdict ?? []);
  };
  const caused = (verdicts: readonly string[], ...wanted: string[]): void => {
    expect(verdicts).to.deep.equal(wanted);
    for (const verdict of wanted) produced.add(verdict);
  };
  it('fleet-unknown, fleet-certificate', async () => {
    caused(await look('etcd://127.0.0.1/dek'), 'fleet-unknown');
    const certificate = 'etcd://127.0.0.1/dek?cert=/nowhere&key=file:/nowhere&ca=/nowhere';
    caused(await look(certificate), 'fleet-certificate');
    caused((await look(`${certificate}&user=node-1&password=file:/nowhere`)).slice(0, 1), 'fleet-certificate');
  });

  it('fleet-nothing and fleet-no-copy, then well; fleet-behind, fleet-copy', async () => {
    caused(await look(etcd.uri('node-1')), 'fleet-nothing', 'fleet-no-copy');
    const set = new TestSet(root);
    const under = newOfficerKeys(1);
    const publish = async (...names: string[]): Promise<void> => {
      const manifest = await set.write({names, under});
      const words = ['fleet', 'publish', manifest, '--fleet', etcd.uri('root'), '--host', 'node-1'];
      const {status, stderr} = await runDek(words);
      expect(status, stderr).to.equal(0);
    };
    await publish('vol-1');
    caused(await look(etcd.uri('node-1')), 'fleet-no-copy');
    const {kv} = await etcd.store().read(new FleetKeys('/dek/').wanted('node-1'));
    const pointer = parsePointer(kv!.value, 'node-1');
    const copy = await HeldCopy.open(join(root, 'var/lib/dek-agent/fleet'), 'node-1');
    await copy.hold(pointer);
    caused(await look(etcd.uri('node-1')), 'fleet-copy');
    fs.writeFileSync(copy.path!, 'what is in it the agent looks at');
    caused(await look(etcd.uri('node-1')));
    await publish('vol-1', 'vol-2');
    caused(await look(etcd.uri('node-1')), 'fleet-behind');
    fs.writeFileSync(join(copy.directory, 'held.json'), '{}');
    caused(await look(etcd.uri('node-1')), 'fleet-copy');
    fs.rmSync(copy.directory, {recursive: true});
  });

  it('fleet-certificate-ends and -over, fleet-away', async () => {
    etcd.authority.issue('node-1', {file: 'over', days: -1});
    etcd.authority.issue('node-1');
    const [ends, ...others] = await look(etcd.uri('node-1'));
    expect([ends, ...others], 'of the two days that a certificate of this test has').to.deep.equal([
      'fleet-certificate-ends',
      'fleet-no-copy',
    ]);
    produced.add('fleet-certificate-ends');
    caused(await look(etcd.uri('over')), 'fleet-certificate-over', 'fleet-away', 'fleet-no-copy');
    await etcd.signal(0, 'SIGKILL');
    const [, away] = await look(etcd.uri('node-1'));
    caused([away!], 'fleet-away');
  });

  it('has no verdict without a cause here', () => {
    const all = OF_FLEET.flatMap(({verdicts}) => Object.keys(verdicts));
    if (produced.size > 3) expect(all.filter((verdict) => !produced.has(verdict))).to.deep.equal([]);
  });
});
