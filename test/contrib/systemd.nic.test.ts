/**
 * The units of contrib/systemd, as far as they can be judged without a service manager: systemd-analyze finds no fault
 * and little exposure, and the agent does its work under the system calls that its unit allows.
 */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {AgentProcess, DEK, live, NOTHING} from '../support/agent/agent-process.js';
import {PASS_ON} from '../support/agent/passed-socket.js';
import {placeManifest} from '../support/manifest/manifest-of.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {skipWithout} from '../support/skip.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const UNITS = join(ROOT, 'contrib', 'systemd');
const read = (file: string): string => fs.readFileSync(join(UNITS, file), 'utf8');

describe('systemd units', () => {
  let directory: string;

  before(function () {
    skipWithout('systemd-analyze', this);
  });
  beforeEach(() => {
    directory = temporaryDirectory();
    // dek and the service that uses it are looked for on this machine.
    const place = (file: string, name = file): void =>
      fs.writeFileSync(
        join(directory, name),
        read(file).replace(/^(Exec\w+=)(dek|\/usr\/sbin\/storage)\b/gm, `$1${DEK}`),
      );
    place('dek-agent.service');
    place('dek-agent.socket');
    place('dek-agent@.service', 'dek-agent@storage.service');
    place('dek-agent@.socket', 'dek-agent@storage.socket');
    place('storage.service.example', 'storage.service');
    place('dek-import-kek@.service');
  });
  afterEach(() => fs.rmSync(directory, {recursive: true}));

  /** systemd-analyze in the directory of the units: status and all that it prints. */
  function analyze(...args: string[]): {status: number | null; printed: string} {
    const {status, stdout, stderr} = spawnSync('systemd-analyze', args, {cwd: directory, encoding: 'utf8'});
    return {status, printed: `${stdout}${stderr}`};
  }

  function dropIn(file: string): void {
    fs.mkdirSync(join(directory, 'dek-agent.service.d'), {recursive: true});
    fs.writeFileSync(join(directory, 'dek-agent.service.d', file), read(file));
  }

  const verify = () =>
    analyze(
      'verify',
      '--man=no',
      './dek-agent.service',
      './dek-agent.socket',
      './dek-agent@storage.service',
      './dek-agent@storage.socket',
      './storage.service',
    );

  it('have no fault', () => {
    expect(verify()).to.deep.equal({status: 0, printed: ''});
  });

  const dropIns = ['import-kek.conf', 'manifest-credential.conf', 'keyring.conf', 'afalg.conf'];
  for (const file of [...dropIns, 'signed.conf', 'rollback-index-tpm.conf', 'rollback-index-rpmb.conf']) {
    it(`have no fault with ${file}`, () => {
      dropIn(file);
      expect(verify()).to.deep.equal({status: 0, printed: ''});
    });
  }

  it('would be told a fault', () => {
    fs.appendFileSync(join(directory, 'dek-agent.service'), '[Service]\nLoadCredentials=manifest:/etc/dek/manifest\n');
    expect(verify().printed).to.include('LoadCredentials');
  });

  it('expose less than 2.0 of 10', () => {
    const {printed} = analyze('security', '--offline=true', './dek-agent.service');
    expect(Number(/Overall exposure level for dek-agent.service: ([\d.]+)/.exec(printed)?.[1])).to.be.below(2);
  });

  describe('under the system calls that the service allows', () => {
    let device: TestDevice;
    let agent: AgentProcess;

    beforeEach(async () => {
      fs.writeFileSync(join(directory, 'allowed.h'), allowedCalls(read('dek-agent.service')));
      const filter = join(directory, 'filter');
      const source = join(ROOT, 'test', 'contrib', 'filter.c');
      const gcc = spawnSync('gcc', ['-O1', `-I${directory}`, '-o', filter, source], {encoding: 'utf8'});
      expect(gcc.stderr).to.equal('');
      device = await testDevice();
      const socket = join(device.directory, 'agent.sock');
      const manifest = join(device.directory, 'manifest');
      await placeManifest(device, manifest, 20);
      agent = await AgentProcess.start(device, {
        socket,
        prefix: ['/usr/bin/python3', '-c', PASS_ON, socket, '1', filter],
        args: ['--manifest', manifest, '--group', `${process.getgid?.()}`, '--check-interval', '1'],
      });
    });
    afterEach(async () => {
      await agent.end('SIGKILL');
      device.remove();
    });

    it('the agent makes its DEKs, reloads, and ends in good order', async () => {
      expect((await agent.client.status()).deks).to.include({total: 20, ready: 20});
      await placeManifest(device, join(device.directory, 'manifest'), 30);
      const again = {path: undefined, kek: undefined, dryRun: false, keepGoing: false};
      expect((await agent.client.apply(again, () => {})).plan).to.include({create: 10, unchanged: 20});
      expect(await agent.end()).to.equal(0);
      expect(live(device)).to.deep.equal(NOTHING);
    });

    it('a call that is not allowed fails: the filter is there', () => {
      const {stderr} = spawnSync(join(directory, 'filter'), ['chown', '0', directory], {encoding: 'utf8'});
      expect(stderr).to.include('Operation not permitted');
    });
  });
});

/** C lines that allow what the unit's SystemCallFilter= do: the first ones add, those with ~ take away. */
function allowedCalls(unit: string): string {
  const allowed = new Set(callsOf('@default'));
  for (const [, not, names] of unit.matchAll(/^SystemCallFilter=(~?)(.*)$/gm)) {
    for (const call of names!.split(' ').flatMap(callsOf)) {
      if (not) allowed.delete(call);
      else allowed.add(call);
    }
  }
  return [...allowed].map((call) => `#ifdef __NR_${call}\nALLOW(__NR_${call})\n#endif\n`).join('');
}

/** The calls of a set such as @system-service, those of the sets in it too; a call is itself. */
function callsOf(name: string): string[] {
  if (!name.startsWith('@')) return [name];
  const {stdout} = spawnSync('systemd-analyze', ['syscall-filter', name], {encoding: 'utf8'});
  const names = stdout.split('\n').flatMap((line) => /^ {4}(@?[\w-]+)$/.exec(line)?.[1] ?? []);
  return names.flatMap(callsOf);
}
