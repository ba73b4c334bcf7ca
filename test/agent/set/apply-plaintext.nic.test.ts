import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {apply, held, keysOf, setOf, vols, writeManifestFile} from '../../support/agent/agent-manifests.js';
import {AgentProcess, live, NOTHING} from '../../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {thrownBy} from '../../support/process/errors-thrown.js';
import {describeHits, type Needle, searchMemory} from '../../support/process/memory.js';
import {skipWithout} from '../../support/skip.js';

describe('apply on a NIC in plaintext import mode', () => {
  let device: TestDevice;
  let agent: AgentProcess;

  beforeEach(async () => {
    device = await testDevice({settings: {importMode: 'plaintext'}});
    agent = await AgentProcess.start(device);
  });
  afterEach(async () => {
    const status = await agent.end();
    const left = live(device);
    device.remove();
    expect(status, agent.log).to.equal(0);
    expect(left).to.deep.equal(NOTHING);
  });

  const kek = (): string => `file:${device.nic.kekFile}`;

  for (const login of [false, true]) {
    it(`unwraps the DEKs of a manifest ${login ? 'that has a login too' : 'without a login'}`, async () => {
      await apply(agent, writeManifestFile(device, vols(1, 300), {login}), {kek: kek()});
      expect(await held(agent)).to.deep.equal(setOf(vols(1, 300)));
      expect(live(device)).to.include({logins: 0, deks: 300});
    });
  }

  it('reads the KEK again at a reload', async () => {
    const path = writeManifestFile(device, vols(1, 3), {login: false});
    await apply(agent, path, {kek: kek()});
    writeManifestFile(device, vols(2, 4, 2), {login: false});
    expect((await apply(agent, undefined)).plan).to.deep.equal({
      create: 1,
      replace: 2,
      rewrapped: 0,
      destroy: 1,
      unchanged: 0,
    });
    expect(await held(agent)).to.deep.equal(setOf(vols(2, 4, 2)));
  });

  it('may print it, and is asked again when a DEK is healed or the manifest reloaded', async () => {
    const asked = join(device.directory, 'asked');
    const command = `cmd:sh -c "echo >> ${asked}; exec cat ${device.nic.kekFile}"`;
    const path = writeManifestFile(device, vols(1, 3), {login: false});
    await apply(agent, path, {kek: command});
    writeManifestFile(device, vols(1, 4), {login: false});
    expect((await apply(agent, undefined)).plan).to.include({create: 1, unchanged: 3});
    expect(fs.readFileSync(asked, 'utf8')).to.equal('\n\n');
    const hanging = await thrownBy(() => apply(agent, path, {kek: 'cmd:sh -c "echo no >&2; exit 3"'}));
    expect(hanging).to.include({code: 'IO', message: '"kek" cmd:sh exited with 3'});
    expect(await held(agent)).to.deep.equal(setOf(vols(1, 4)));
  });

  for (const spec of ['fd:0', 'file:relative', 'no-source', 'no:such', 'keyring:logon:x:y']) {
    it(`is not ${spec}`, async () => {
      const error = await thrownBy(() => apply(agent, writeManifestFile(device, vols(1, 3)), {kek: spec}));
      expect(error.exitStatus).to.equal(2);
    });
  }

  it('is needed', async () => {
    const error = await thrownBy(() => apply(agent, writeManifestFile(device, vols(1, 3))));
    expect(error).to.include({code: 'BAD_ARGUMENT', exitStatus: 2});
    expect(error.message).to.include('the import KEK is needed');
    expect(error.hint).to.include('--kek');
  });

  it('takes text for the KEK only when told so, and again at a reload', async () => {
    const text = join(device.directory, 'text-kek');
    fs.writeFileSync(text, Buffer.alloc(24, 0xa5).toString('base64'), {mode: 0o600});
    const raw = new Uint8Array(fs.readFileSync(text));
    const path = writeManifestFile({...device, kek: raw} as TestDevice, vols(1, 3), {login: false});
    const error = await thrownBy(() => apply(agent, path, {kek: `file:${text}`}));
    expect(error.code).to.equal('BAD_INPUT');
    expect(error.message).to.equal(`"kek" file:${text} holds 24 bytes in base64, expected 16 or 32`);
    await apply(agent, path, {kek: `file:${text}`, kekFormat: 'raw'});
    writeManifestFile({...device, kek: raw} as TestDevice, vols(1, 4), {login: false});
    await apply(agent, undefined);
    expect(await held(agent)).to.deep.equal(setOf(vols(1, 4)));
  });

  it('refuses a KEK that is not the one of the header', async () => {
    const other = join(device.directory, 'other-kek');
    fs.writeFileSync(other, Buffer.alloc(32, 3), {mode: 0o600});
    const error = await thrownBy(() => apply(agent, writeManifestFile(device, vols(1, 3)), {kek: `file:${other}`}));
    expect(error).to.include({code: 'UNWRAP_FAILED', exitStatus: 6});
    expect(error.message).to.match(/KCV [0-9a-f]{10}, and the manifest was wrapped under KCV [0-9a-f]{10}/);
    expect(live(device).deks).to.equal(0);
  });

  it('refuses a KEK that is missing, or open to others', async () => {
    const path = writeManifestFile(device, vols(1, 3));
    expect((await thrownBy(() => apply(agent, path, {kek: 'file:/nowhere/kek'}))).code).to.equal('NO_INPUT');
    fs.chmodSync(device.nic.kekFile, 0o644);
    expect((await thrownBy(() => apply(agent, path, {kek: kek()}))).code).to.equal('UNSAFE_SECRET');
    expect(live(device).deks).to.equal(0);
  });

  it('takes back what it made when a DEK does not unwrap', async () => {
    await apply(agent, writeManifestFile(device, vols(1, 3)), {kek: kek()});
    const next = [...vols(2, 400, 2), {name: 'bad', altered: true}, ...vols(401, 410)];
    const error = await thrownBy(() => apply(agent, writeManifestFile(device, next), {kek: kek()}));
    expect(error.code).to.equal('UNWRAP_FAILED');
    expect(error.message).to.match(/^line 401: bad: /);
    expect(await held(agent)).to.deep.equal(setOf(vols(1, 3)));
    expect(live(device).deks).to.equal(3);
  });

  it('keeps what unwraps, with keepGoing', async () => {
    const next = [...vols(1, 2), {name: 'bad', altered: true}, ...vols(3, 4)];
    const {failed} = await apply(agent, writeManifestFile(device, next), {kek: kek(), keepGoing: true});
    expect(failed.map(({line, name, code}) => [line, name, code])).to.deep.equal([[4, 'bad', 'UNWRAP_FAILED']]);
    expect(await held(agent)).to.deep.equal(setOf(vols(1, 4)));
  });

  it('keeps nothing of KEK and DEKs in its memory', async function () {
    skipWithout('root', this); // reading the memory of a process that is not dumpable needs root
    const path = writeManifestFile(device, vols(1, 40));
    await apply(agent, path, {kek: kek()});
    await apply(agent, writeManifestFile(device, [...vols(1, 30), {name: 'bad', altered: true}]), {
      kek: kek(),
      keepGoing: true,
    });
    process.kill(agent.child.pid!, 'SIGSTOP');
    try {
      const secrets = vols(1, 40).flatMap((vol): Needle[] => {
        const {key1, key2} = keysOf(vol);
        const whole = Buffer.concat([key1, key2]);
        // libmlx5 copies a key to its stack: a part of the last one may outlive the call there.
        return [
          {name: `${vol.name}, whole`, bytes: whole},
          {name: `${vol.name}, key1`, bytes: key1},
        ];
      });
      const needles = [
        ...secrets,
        {name: 'KEK', bytes: device.kek},
        {name: 'half of the KEK', bytes: device.kek.subarray(0, 16)},
        {name: 'KEK in hex', bytes: Buffer.from(Buffer.from(device.kek).toString('hex'))},
      ];
      // The NVRAM image is the NIC, not the agent: there the KEK is.
      const isNic = ({path: file}: {path: string}): boolean => file.endsWith('.nvram');
      const hits = searchMemory(agent.child.pid!, needles, {skip: isNic});
      expect(hits, describeHits(hits)).to.deep.equal([]);
      const inNic = searchMemory(agent.child.pid!, needles, {skip: (mapping) => !isNic(mapping)});
      expect(inNic, 'the search finds what is there').to.not.deep.equal([]);
    } finally {
      process.kill(agent.child.pid!, 'SIGCONT');
    }
  });
});

describe('apply on a NIC in wrapped import mode', () => {
  it('refuses --kek as needless before it reads it', async () => {
    const device = await testDevice();
    const agent = await AgentProcess.start(device);
    try {
      const error = await thrownBy(() =>
        apply(agent, writeManifestFile(device, vols(1, 3)), {kek: 'file:/nowhere/kek'}),
      );
      expect(error).to.include({code: 'BAD_ARGUMENT', exitStatus: 2});
      expect(error.message).to.include('needless');
      expect(live(device)).to.include({logins: 0, deks: 0});
    } finally {
      await agent.end();
      device.remove();
    }
  });
});
