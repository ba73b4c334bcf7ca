import fs from 'node:fs';
import {join} from 'node:path';
import {setTimeout as pause} from 'node:timers/promises';
import {expect} from 'chai';
import {held, manifestText, setOf, vols, writeManifestFile} from '../../support/agent/agent-manifests.js';
import {AgentProcess} from '../../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {HangingMount} from '../../support/process/hanging-mount.js';
import {skipWithout} from '../../support/skip.js';
import {until} from '../../support/until.js';

describe('dek agent --manifest FILE --watch', () => {
  let device: TestDevice;
  let agent: AgentProcess;
  const at = (name: string): string => join(device.directory, name);
  const started = async (path: string): Promise<void> => {
    agent = await AgentProcess.start(device, {args: ['--manifest', path, '--watch'], fastClock: true});
  };
  const holds = (count: number): Promise<void> =>
    until(async () => JSON.stringify(await held(agent)) === JSON.stringify(setOf(vols(1, count))));

  beforeEach(async () => {
    device = await testDevice();
  });
  afterEach(async () => {
    await agent.end();
    device.remove();
  });

  it('takes up a file that was renamed to its name, and each one after it', async () => {
    await started(writeManifestFile(device, vols(1, 2)));
    for (const count of [3, 1, 4]) {
      writeManifestFile(device, vols(1, count));
      await holds(count);
    }
  });

  it('takes up what a link leads to that was swapped, as in a ConfigMap', async () => {
    for (const [name, count] of [
      ['..1', 2],
      ['..2', 3],
      ['..3', 4],
    ] as const) {
      fs.mkdirSync(at(`volume/${name}`), {recursive: true});
      fs.writeFileSync(at(`volume/${name}/manifest`), manifestText(device, vols(1, count)));
    }
    fs.symlinkSync('..1', at('volume/..data'));
    fs.symlinkSync('..data/manifest', at('volume/manifest'));
    await started(at('volume/manifest'));
    for (const [name, old, count] of [
      ['..2', '..1', 3],
      ['..3', '..2', 4],
    ] as const) {
      fs.symlinkSync(name, at('volume/..new'));
      fs.renameSync(at('volume/..new'), at('volume/..data'));
      fs.rmSync(at(`volume/${old}`), {recursive: true});
      await holds(count);
    }
  });

  it('does not read a file that is written in its place, and says so', async () => {
    const path = writeManifestFile(device, vols(1, 3));
    await started(path);
    const half = manifestText(device, vols(1, 1));
    fs.writeFileSync(path, half);
    await until(() => agent.log.includes('was written in its place'));
    expect(await held(agent)).to.deep.equal(setOf(vols(1, 3)));
    writeManifestFile(device, vols(1, 4));
    await holds(4);
  });

  it('keeps what it has when the new file is no manifest or is gone, and takes up the next', async () => {
    const path = writeManifestFile(device, vols(1, 2));
    await started(path);
    fs.writeFileSync(at('other'), 'no manifest\n');
    fs.renameSync(at('other'), path);
    await until(() => agent.log.includes('"event":"generation-refused"'));
    fs.rmSync(path);
    expect(await held(agent)).to.deep.equal(setOf(vols(1, 2)));
    writeManifestFile(device, vols(1, 3));
    await holds(3);
  });

  it('keeps nobody waiting, its end neither, while the mount of the file does not answer', async function () {
    fs.mkdirSync(at('volume'));
    fs.renameSync(writeManifestFile(device, vols(1, 2)), at('volume/manifest'));
    await started(at('volume/manifest'));
    const mount = HangingMount.over(at('volume'));
    skipWithout('mounts', this, mount !== undefined);
    try {
      // Longer than it takes to the next look.
      for (let i = 0; i < 8; i++) {
        await pause(300);
        expect(await held(agent)).to.deep.equal(setOf(vols(1, 2)));
      }
      expect(await agent.end()).to.equal(0);
    } finally {
      mount!.end();
    }
  });
});
