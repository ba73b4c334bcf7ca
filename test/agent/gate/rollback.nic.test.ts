import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {DekError} from '../../../src/errors.js';
import {apply, held, setOf, vols} from '../../support/agent/agent-manifests.js';
import {AgentProcess} from '../../support/agent/agent-process.js';
import {SoftTpm} from '../../support/keys/swtpm.js';
import {HOST, SignedManifests} from '../../support/manifest/signed-manifests.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {type Run, runDek} from '../../support/process/run-dek.js';

describe('an agent with a rollback index', () => {
  let tpm: SoftTpm;
  let device: TestDevice;
  let manifests: SignedManifests;
  let agent: AgentProcess | undefined;

  before(async () => {
    tpm = await SoftTpm.start();
  });
  after(() => tpm.stop());
  beforeEach(async () => {
    device = await testDevice();
    manifests = new SignedManifests(device);
  });
  afterEach(async () => {
    await agent?.end();
    agent = undefined;
    device.remove();
  });

  const enroll = (index: string, manifest: string, ...more: string[]): Promise<Run> =>
    runDek(['rollback-index', 'enroll', index, manifest, ...manifests.args, ...more]);
  const generationIn = async (index: string): Promise<number> =>
    JSON.parse((await runDek(['rollback-index', 'show', index, '--json'])).stdout.toString()).generation;
  const start = (index: string, manifest: string): Promise<AgentProcess> =>
    AgentProcess.start(device, {args: [...manifests.args, '--rollback-index', index, '--manifest', manifest]});
  const refused = (path: string): Promise<unknown> => apply(agent!, path).catch(({code}: DekError) => code);

  const stores: Readonly<Record<string, () => string>> = {
    'file:': () => `file:${join(device.directory, 'index')}`,
    'tpm:': () => tpm.index(),
  };
  for (const [kind, indexOf] of Object.entries(stores)) {
    it(`takes nothing from an empty one, and goes on from what was enrolled: ${kind}`, async () => {
      const index = indexOf();
      const path = manifests.write(vols(1, 2));
      expect(await runDek(['rollback-index', 'show', index])).to.include({status: 7});
      const failed = await start(index, path).catch((error: Error) => error);
      expect(`${failed}`).to.contain('is empty').and.contain('dek rollback-index enroll');
      expect(await enroll(index, path)).to.include({status: 0});
      agent = await start(index, path);
      await apply(agent, manifests.write(vols(1, 3), {edition: {generation: 2}}));
      expect(await generationIn(index)).to.equal(2);
      const bad = manifests.write(vols(1, 3, 2), {edition: {generation: 3, hosts: ['node-2']}});
      expect(await refused(bad)).to.equal('WRONG_HOST');
      expect(await refused(manifests.write(vols(1, 1)))).to.equal('ROLLED_BACK');
      expect(await generationIn(index)).to.equal(2);
      expect(await held(agent)).to.deep.equal(setOf(vols(1, 3)));
    });
  }

  it('is not set back by an image of the disk, and that of a file is', async () => {
    const image = join(device.directory, 'image');
    const disk = join(device.directory, 'disk');
    fs.mkdirSync(disk);
    const onDisk = (generation: number, deks: number): string =>
      manifests.write(vols(1, deks), {edition: {generation}, file: 'disk/manifest'});
    const [inTpm, inFile] = [tpm.index('0x1800021'), `file:${join(disk, 'index')}`];
    const path = onDisk(1, 2);
    for (const index of [inTpm, inFile]) expect(await enroll(index, path)).to.include({status: 0});
    fs.cpSync(disk, image, {recursive: true});
    onDisk(2, 3);
    for (const index of [inTpm, inFile]) await (await start(index, path)).end();
    expect(await generationIn(inFile)).to.equal(2);
    fs.rmSync(disk, {recursive: true});
    fs.cpSync(image, disk, {recursive: true});
    const failed = await start(inTpm, path).catch((error: Error) => error);
    expect(`${failed}`).to.contain('the manifest is of generation 1, and this host has accepted generation 2');
    agent = await start(inFile, path); // what docs/signed.md says of files
  });

  it('is for one manifest, and does not go back, unless a person says so', async () => {
    const index = tpm.index('0x1800022');
    const path = manifests.write(vols(1, 1), {edition: {generation: 7}});
    expect(await enroll(index, path)).to.include({status: 0});
    const other = new SignedManifests(device);
    fs.writeFileSync(manifests.allowed, `alice ${other.alice.text}\nbob ${manifests.alice.text}\n`);
    const stranger = other.write(vols(1, 1), {file: 'stranger', edition: {generation: 9}});
    agent = await start(index, path);
    expect(await refused(stranger)).to.equal('NOT_ENROLLED');
    await agent.end();
    const older = manifests.write(vols(1, 1), {edition: {generation: 6}, file: 'older'});
    for (const file of [stranger, older]) {
      const {status, stderr} = await enroll(index, file);
      expect([status, stderr]).to.deep.include(5);
      expect(stderr).to.contain('holds generation 7 of manifest');
    }
    expect(await enroll(index, older, '--force')).to.include({status: 0});
    agent = await start(index, older);
  });

  it('has to be signed and meant for this host to be enrolled', async () => {
    const index = `file:${join(device.directory, 'none')}`;
    const unsigned = manifests.write(vols(1, 1), {by: []});
    expect(await enroll(index, unsigned)).to.include({status: 6});
    const other = manifests.write(vols(1, 1), {edition: {hosts: ['node-2']}});
    expect(await enroll(index, other)).to.include({status: 8});
    expect(fs.existsSync(index.slice('file:'.length))).to.equal(false);
    expect(HOST).to.equal('node-1');
  });

  it('is no file that others can write', async () => {
    const file = join(device.directory, 'open');
    const path = manifests.write(vols(1, 1));
    expect(await enroll(`file:${file}`, path)).to.include({status: 0});
    fs.chmodSync(file, 0o660);
    for (const {status, stderr} of [
      await runDek(['rollback-index', 'show', `file:${file}`]),
      await enroll(`file:${file}`, path),
    ]) {
      expect([status, stderr]).to.deep.include(2);
      expect(stderr).to.contain('can be written by others than its owner').and.contain(`chmod go-w ${file}`);
    }
    const failed = await start(`file:${file}`, path).catch((error: Error) => error);
    expect(`${failed}`).to.contain('can be written by others than its owner');
  });

  it('changes nothing when the TPM is gone, and goes on when it is back', async () => {
    const lost = await SoftTpm.start();
    try {
      const index = lost.index();
      const path = manifests.write(vols(1, 2));
      await enroll(index, path);
      agent = await start(index, path);
      const next = manifests.write(vols(1, 3), {edition: {generation: 2}});
      await lost.pause();
      expect(await refused(next)).to.equal('IO');
      expect(await held(agent)).to.deep.equal(setOf(vols(1, 2)));
      await lost.resume();
      await apply(agent, next);
      expect(await generationIn(index)).to.equal(2);
    } finally {
      await lost.stop();
    }
  });

  it('says which flags need signers', async () => {
    for (const flag of [
      ['--rollback-index', 'file:x'],
      ['--release', 'x'],
      ['--threshold', '2'],
    ] as const) {
      const {status, stderr} = await runDek(['agent', ...flag]);
      expect(status).to.equal(2);
      expect(stderr).to.contain(`${flag[0]} requires --allowed-signers`);
    }
    const bad = await runDek(['rollback-index', 'show', 'tpm:zero']);
    expect(bad.stderr).to.contain('a rollback index in a TPM is tpm:INDEX');
    expect((await runDek(['rollback-index', 'show', 'disk:x'])).stderr).to.contain(
      'a rollback index is tpm:INDEX, rpmb:PATH?key=SOURCE or file:PATH',
    );
  });
});
