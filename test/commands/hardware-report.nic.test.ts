/** `dek hardware-report` on a virtual ConnectX, with the assumptions switched both ways. */
import {once} from 'node:events';
import fs from 'node:fs';
import {hostname, userInfo} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {toHex} from '../../src/bytes.js';
import {ASSUMPTIONS, NOT_ASKED} from '../../src/doctor/hardware/assumptions.js';
import type {Answer, Trial} from '../../src/doctor/hardware/bench.js';
import {openManifest} from '../../src/manifest/index.js';
import type {Settings} from '../../src/virtual/index.js';
import {CONTRARIES} from '../../src/virtual/properties.js';
import {DEK} from '../support/agent/agent-process.js';
import {markedDeks, writeMarked} from '../support/manifest/marked-manifest.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {needing} from '../support/nic/release.js';
import {runDek} from '../support/process/run-dek.js';
import {until} from '../support/until.js';

const USUAL: Settings = {
  contrary: [],
  policy: 'default',
  tweak: 'ieee-1619',
  state: 'operational',
  importMode: 'wrapped',
  port: 'active',
  loopback: true,
  devxRegisters: false,
  serviceUs: {},
  latencyUs: 0,
  faults: [],
};

/** What a report with all files confirms on a virtual ConnectX as it comes. */
const HOLDING = [1, 2, 4, 5, 6, 12, 13, 15, 16, 30];

/** `3, 25 to 29`. */
function numbersIn(list: string): number[] {
  return list.split(', ').flatMap((part) => {
    const [first, last = first] = part.split(' to ').map(Number);
    return Array.from({length: last! - first! + 1}, (_, i) => first! + i);
  });
}

needing('multi-block AES-XTS').describe('dek hardware-report', () => {
  let device: TestDevice;
  let manifest: string;
  before(async () => {
    device = await testDevice();
    manifest = await writeMarked(device, markedDeks(['vol-1', 'vol-2']));
  });
  after(() => device?.remove());
  afterEach(() => device.nic.set(USUAL));

  interface Asked {
    answers: Map<number, Answer>;
    trials: Map<string, Trial>;
  }
  const ask = async (...more: string[]): Promise<Asked> => {
    const env = device.nic.environment() as Record<string, string>;
    const {status, stdout, stderr} = await runDek(['hardware-report', '--json', ...more], {env});
    expect(status, stderr).to.equal(0);
    const {answers, trials} = JSON.parse(stdout.toString()) as {answers: Answer[]; trials: Trial[]};
    return {
      answers: new Map(answers.map((one) => [one.number, one])),
      trials: new Map(trials.map((one) => [one.what, one])),
    };
  };
  const kek = () => `file:${device.nic.kekFile}`;
  const askAll = (deks = '8') => ask('--manifest', manifest, '--kek', kek(), '--no-service', '--deks', deks);
  const numbersOf = ({answers}: Asked, verdict: string): number[] =>
    [...answers.values()].filter((one) => one.verdict === verdict).map(({number}) => number);
  const isNothingLeft = () =>
    expect(device.nic.show().live).to.include({contexts: 0, pds: 0, logins: 0, deks: 0, qps: 0, mkeys: 0});
  const LAYOUTS = ['128-bit, without', '128-bit, with', '256-bit, without', '256-bit, with'];

  it('without a manifest leaves all open that needs a login', async () => {
    const asked = await ask();
    expect(numbersOf(asked, 'confirmed')).to.deep.equal([30]);
    expect(numbersOf(asked, 'refuted')).to.deep.equal([]);
    for (const [what, {result, seen}] of asked.trials) expect([what, result, seen]).to.include('not run');
  });

  it('confirms what holds on the virtual ConnectX, and leaves nothing behind', async () => {
    const asked = await askAll();
    const isNoTime = (number: number) => number !== 10; // whether a NIC without a time of its own holds to it is chance
    expect(numbersOf(asked, 'confirmed').filter(isNoTime)).to.deep.equal(HOLDING);
    expect(numbersOf(asked, 'refuted').filter(isNoTime)).to.deep.equal([]);
    for (const layout of LAYOUTS) {
      expect(asked.trials.get(`a wrapped DEK, ${layout} keytag`)).to.deep.include({
        result: 'done',
        seen: 'created, READY, proof: ok, destroyed',
      });
    }
    for (const what of ['login and logout', 'create of a DEK', 'query of a DEK', 'destruction of a DEK']) {
      expect(asked.trials.get(`the time of the ${what}`)!.seen).to.match(
        /^\d+ us in the middle of \d+, from \d+ to \d+ us$/,
      );
    }
    isNothingLeft();
  });

  it('tries the four layouts of a NIC of plaintext import without any file', async () => {
    device.nic.set({importMode: 'plaintext'});
    const asked = await ask();
    for (const layout of LAYOUTS) {
      const {result, seen} = asked.trials.get(`a plaintext DEK, ${layout} keytag`)!;
      expect([result, seen]).to.deep.equal(['done', 'created, READY, proof: ok, destroyed']);
    }
    expect(numbersOf(asked, 'confirmed')).to.include.members([4, 5, 6, 9, 12, 13, 15]);
    expect(numbersOf(asked, 'refuted').filter((number) => number !== 10)).to.deep.equal([]);
    isNothingLeft();
  });

  it('has what needs no KEK where the KEK does not wrap, and says so', async () => {
    const {answers, trials} = await ask('--manifest', manifest, '--no-service');
    expect(answers.get(5)).to.include({verdict: 'open', seen: 'not asked: no KEK was given'});
    for (const number of [2, 4, 6, 16]) expect(answers.get(number)!.verdict, `${number}`).to.equal('confirmed');
    const {seen} = trials.get('a wrapped DEK, 128-bit, without keytag')!;
    expect(seen).to.equal('no KEK was given, and the manifest has none of this layout');
    expect(trials.get('a wrapped DEK, 256-bit, with keytag')!.result).to.equal('done');
  });

  it('finds the limit of a NIC where it may, and goes no further than it may', async () => {
    const before = device.nic.show().logMaxDeks;
    device.nic.set({logMaxDeks: 4});
    const find = async (most: string) => (await askAll(most)).trials.get('many DEKs at a time')!;
    try {
      expect((await find('8')).seen).to.contain('8 were made, none was refused; the NIC says that it holds 16');
      const {result, seen} = await find('100');
      expect([result, seen]).to.deep.equal([
        'done',
        '16 were made, the next one was refused with LIM_ERR; the NIC says that it holds 16; all were destroyed',
      ]);
      device.nic.set({faults: [{command: 'create', object: 'dek', status: 1, times: 'always'}]});
      const {trials} = await askAll('100');
      expect(trials.get('many DEKs at a time')!.result).to.equal('failed');
    } finally {
      device.nic.set({logMaxDeks: before, faults: []});
    }
    isNothingLeft();
  });

  it('has a service in C move data by both roads', async () => {
    const {trials} = await ask('--manifest', manifest, '--kek', kek());
    for (const road of ['lend', 'attach']) {
      const {result, seen} = trials.get(`a service in C, by ${road}`)!;
      expect(seen).to.match(/^[1-9]\d* blocks written, \d+ read, 0 of them wrong, 0 failed$/);
      expect(result).to.equal('done');
    }
    isNothingLeft();
  });

  it('says why the service was not run: no compiler, no KEK', async () => {
    const env = {...device.nic.environment(), PATH: device.directory} as Record<string, string>;
    const words = ['hardware-report', '--json', '--manifest', manifest];
    const seen = async (...more: string[]) => {
      const {stdout} = await runDek([...words, ...more], {env});
      const {trials} = JSON.parse(stdout.toString()) as {trials: Trial[]};
      return trials.filter(({what}) => what.startsWith('a service')).map((one) => `${one.result}: ${one.seen}`);
    };
    expect(await seen('--kek', kek())).to.deep.equal(new Array(2).fill('not run: no C compiler (cc) is here'));
    expect((await seen())[0]).to.contain('no KEK was given');
  });

  it('tells a firmware that does one command after the other from one that does several', async () => {
    const find = async () => (await askAll()).trials.get('the time of commands at once')!.seen;
    device.nic.set({serviceUs: {query: 30_000}});
    expect(await find()).to.match(/^serial/);
    device.nic.set({serviceUs: {}, latencyUs: 20_000});
    expect(await find()).to.match(/^several commands at once/);
  });

  it('logs out when a DEK is refused, so that what is asked next finds no login', async () => {
    device.nic.set({faults: [{command: 'create', object: 'dek', status: 9, times: 'always'}]});
    const {answers} = await askAll();
    for (const number of [10, 12]) expect(answers.get(number)!.seen).to.match(/was refused: BAD_RES_STATE$/);
  });

  const switched: [number, Settings, verdict: 'confirmed' | 'refuted'][] = [
    ...CONTRARIES.filter((number) => ![7, 9, 10].includes(number)).map((number): [number, Settings, 'refuted'] => [
      number,
      {contrary: [number]},
      'refuted',
    ]),
    [5, {policy: 'fips'}, 'refuted'],
    [7, {state: 'commissioning'}, 'confirmed'],
    [7, {state: 'commissioning', contrary: [7]}, 'refuted'],
    [9, {importMode: 'plaintext'}, 'confirmed'],
    [9, {importMode: 'plaintext', contrary: [9]}, 'refuted'],
    [10, {serviceUs: {create: 10_000}}, 'confirmed'],
    [10, {serviceUs: {create: 10_000}, contrary: [10]}, 'refuted'],
    [13, {tweak: 'reversed'}, 'refuted'],
    [13, {tweak: 'inc64'}, 'refuted'],
    [17, {port: 'down'}, 'confirmed'],
    [17, {port: 'down', loopback: false}, 'refuted'],
    [30, {devxRegisters: true}, 'refuted'],
  ];
  for (const [number, settings, verdict] of switched) {
    it(`finds ${number} ${verdict} with ${JSON.stringify(settings)}`, async () => {
      device.nic.set(settings);
      const {verdict: found, seen} = (await askAll()).answers.get(number)!;
      expect(found, seen).to.equal(verdict);
      expect(device.nic.show().live).to.include({contexts: 0, pds: 0, logins: 0, deks: 0});
    });
  }

  it('writes one file with nothing secret in it, and nothing that names the machine', async () => {
    const output = join(device.directory, 'report.md');
    const env = device.nic.environment() as Record<string, string>;
    const words = ['hardware-report', '--manifest', manifest, '--kek', kek(), '--deks', '8', '--output', output];
    expect((await runDek(words, {env})).status).to.equal(0);
    const text = fs.readFileSync(output, 'utf8');
    expect(text).to.match(/^# dek hardware report \(of a virtual ConnectX\)\n/);
    for (const number of Object.keys(ASSUMPTIONS)) expect(text).to.contain(`\n| ${number} | `);
    const {nodeGuid} = device.nic.show();
    const {header, entries} = await openManifest(manifest);
    const bytes = [device.kek, device.credential, header.login!.credential];
    for await (const {wrapped, dcv, keytagValue} of entries) bytes.push(wrapped, dcv!, keytagValue!);
    const names = [
      nodeGuid,
      nodeGuid.replaceAll(':', ''),
      '0000:3b:00.0',
      hostname(),
      userInfo().homedir,
      device.directory,
    ];
    const written = bytes.flatMap((one) => [
      toHex(one),
      Buffer.from(one).toString('base64'),
      [...one.slice(0, 4)].join(),
    ]);
    for (const secret of [...names, ...written]) expect(text.toLowerCase()).not.to.contain(secret.toLowerCase());
    expect(text, 'no digits of a serial number, a GUID or a key').not.to.match(/[0-9a-f]{13}/i);
  });

  it('leaves nothing when it is interrupted while a service runs', async () => {
    const folder = join(device.directory, 'tmp');
    fs.mkdirSync(folder);
    const words = [DEK, 'hardware-report', '--manifest', manifest, '--kek', kek(), '--deks', '8'];
    const child = device.spawn(process.execPath, words, {
      env: {TMPDIR: folder, PATH: process.env['PATH']},
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    const ended = once(child, 'exit');
    await until(() => fs.readdirSync(folder).some((name) => name.startsWith('dek-hardware-')), 'the service begins');
    child.kill('SIGINT');
    expect(await ended).to.deep.equal([null, 'SIGINT']);
    expect(fs.readdirSync(folder)).to.deep.equal([]);
    await until(() => device.nic.show().live.contexts === 0, 'nothing is left on the NIC');
  });

  it('is tried with each assumption both ways, but for those of which it says that no report can judge them', () => {
    const all = Object.keys(ASSUMPTIONS).map(Number);
    const judged = all.filter((number) => NOT_ASKED[number] === undefined);
    const found = (verdict: string) => switched.filter(([, , one]) => one === verdict).map(([number]) => number);
    expect([...new Set(found('refuted'))].sort((a, b) => a - b)).to.deep.equal(judged);
    const held = [...new Set([...HOLDING, ...found('confirmed')])].sort((a, b) => a - b);
    expect(held, '8 is refuted or open').to.deep.equal(judged.filter((number) => number !== 8));
    const text = fs.readFileSync(fileURLToPath(new URL('../../../docs/hardware.md', import.meta.url)), 'utf8');
    const [, table] = /No report can judge these:\n(.*?)\n\n[^|]/s.exec(text)!;
    const numbers = Array.from(table!.matchAll(/^\| ([\d, to]+) \|/gm), ([, list]) => numbersIn(list!)).flat();
    expect(numbers.sort((a, b) => a - b)).to.deep.equal(Object.keys(NOT_ASKED).map(Number));
  });

  it('knows all assumptions that are written down', () => {
    const path = fileURLToPath(new URL('../../../docs/virtual-connectx.md', import.meta.url));
    const [, list] = /## What it assumes\n(.*?)\n## /s.exec(fs.readFileSync(path, 'utf8'))!;
    const numbers = Array.from(list!.matchAll(/^(\d+)\. /gm), ([, number]) => number!);
    expect(Object.keys(ASSUMPTIONS)).to.deep.equal(numbers);
  });
});
