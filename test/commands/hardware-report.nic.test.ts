/** `dek hardware-report` on a virtual ConnectX, with the assumptions switched both ways. */
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {toHex} from '../../src/bytes.js';
import {ASSUMPTIONS} from '../../src/doctor/hardware/assumptions.js';
import type {Answer} from '../../src/doctor/hardware/bench.js';
import type {Settings} from '../../src/virtual/index.js';
import {CONTRARIES} from '../../src/virtual/properties.js';
import {type TestDevice, testDevice} from '../support/device.js';
import {markedDeks, writeMarked} from '../support/marked-manifest.js';
import {needing} from '../support/release.js';
import {runDek} from '../support/run-dek.js';

const USUAL: Settings = {
  contrary: [],
  policy: 'default',
  tweak: 'ieee-1619',
  state: 'operational',
  importMode: 'wrapped',
  port: 'active',
  loopback: true,
  faults: [],
};

needing('multi-block AES-XTS').describe('dek hardware-report', function () {
  this.timeout(120_000);
  let device: TestDevice;
  let manifest: string;
  before(async () => {
    device = await testDevice();
    manifest = await writeMarked(device, markedDeks(['vol-1', 'vol-2']));
  });
  after(() => device?.remove());
  afterEach(() => device.nic.set(USUAL));

  const ask = async (...more: string[]): Promise<Map<number, Answer>> => {
    const env = device.nic.environment() as Record<string, string>;
    const {status, stdout, stderr} = await runDek(['hardware-report', '--json', ...more], {env});
    expect(status, stderr).to.equal(0);
    const {answers} = JSON.parse(stdout.toString()) as {answers: Answer[]};
    return new Map(answers.map((one) => [one.number, one]));
  };
  const askAll = () => ask('--manifest', manifest, '--kek', `file:${device.nic.kekFile}`);
  const numbersOf = (answers: Map<number, Answer>, verdict: string): number[] =>
    [...answers.values()].filter((one) => one.verdict === verdict).map(({number}) => number);

  it('without a manifest leaves all open that needs a login', async () => {
    const answers = await ask();
    expect(numbersOf(answers, 'open')).to.deep.equal(Object.keys(ASSUMPTIONS).map(Number));
  });

  it('confirms what holds on the virtual ConnectX, and leaves nothing behind', async () => {
    const answers = await askAll();
    expect(numbersOf(answers, 'confirmed')).to.deep.equal([1, 2, 4, 5, 6, 12, 13, 15, 16]);
    expect(numbersOf(answers, 'refuted')).to.deep.equal([]);
    expect(answers.get(10)!.seen).to.match(/^create and destroy \d+ us/);
    expect(device.nic.show().live).to.include({contexts: 0, pds: 0, logins: 0, deks: 0, qps: 0, mkeys: 0});
  });

  it('logs out when a DEK is refused, so that what is asked next finds no login', async () => {
    device.nic.set({faults: [{command: 'create', object: 'dek', status: 9, times: 'always'}]});
    const answers = await askAll();
    for (const number of [10, 12]) expect(answers.get(number)!.seen).to.match(/was refused: BAD_RES_STATE$/);
  });

  const switched: [number, Settings, verdict: 'confirmed' | 'refuted'][] = [
    ...CONTRARIES.filter((number) => number !== 7).map((number): [number, Settings, 'refuted'] => [
      number,
      {contrary: [number]},
      'refuted',
    ]),
    [5, {policy: 'fips'}, 'refuted'],
    [7, {state: 'commissioning'}, 'confirmed'],
    [7, {state: 'commissioning', contrary: [7]}, 'refuted'],
    [9, {importMode: 'plaintext'}, 'confirmed'],
    [13, {tweak: 'inc64'}, 'refuted'],
    [17, {port: 'down'}, 'confirmed'],
    [17, {port: 'down', loopback: false}, 'refuted'],
  ];
  for (const [number, settings, verdict] of switched) {
    it(`finds ${number} ${verdict} with ${JSON.stringify(settings)}`, async () => {
      device.nic.set(settings);
      const {verdict: found, seen} = (await askAll()).get(number)!;
      expect(found, seen).to.equal(verdict);
      expect(device.nic.show().live).to.include({contexts: 0, pds: 0, logins: 0, deks: 0});
    });
  }

  it('writes one file with nothing secret in it, and nothing that names the machine', async () => {
    const output = join(device.directory, 'report.md');
    const env = device.nic.environment() as Record<string, string>;
    const words = ['hardware-report', '--manifest', manifest, '--output', output];
    expect((await runDek(words, {env})).status).to.equal(0);
    const text = fs.readFileSync(output, 'utf8');
    expect(text).to.match(/^# dek hardware report \(of a virtual ConnectX\)\n/);
    for (const number of Object.keys(ASSUMPTIONS)) expect(text).to.contain(`\n| ${number} | `);
    const {nodeGuid} = device.nic.show();
    for (const secret of [nodeGuid, '0000:3b:00.0', toHex(device.kek), toHex(device.wrappedCredential)]) {
      expect(text).not.to.contain(secret);
    }
  });

  it('knows all assumptions that are written down', () => {
    const path = fileURLToPath(new URL('../../../docs/virtual-connectx.md', import.meta.url));
    const [, list] = /## What it assumes\n(.*?)\n## /s.exec(fs.readFileSync(path, 'utf8'))!;
    const numbers = Array.from(list!.matchAll(/^(\d+)\. /gm), ([, number]) => number!);
    expect(Object.keys(ASSUMPTIONS)).to.deep.equal(numbers);
  });
});
