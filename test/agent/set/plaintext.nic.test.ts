import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {AgentProcess, DEK} from '../../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {thrownBy} from '../../support/process/errors-thrown.js';
import {describeHits, searchMemory} from '../../support/process/memory.js';
import {skipWithout} from '../../support/skip.js';

const KEY = Buffer.from('c3f1a06b9e2d4857b8e0913c5fa27d44' + '0e96d2b7741c43f8a5e8603d1b9cf702', 'hex');

describe('agent of a NIC in plaintext import mode', () => {
  let device: TestDevice;
  let agent: AgentProcess;
  let file: string;

  beforeEach(async () => {
    device = await testDevice({settings: {importMode: 'plaintext'}});
    agent = await AgentProcess.start(device);
    file = join(device.directory, 'key');
    fs.writeFileSync(file, KEY, {mode: 0o600});
  });
  afterEach(async () => {
    await agent.end();
    device.remove();
  });

  /** `dek create` as a user types it, by a shell. */
  function create(commandLine: string): {status: number | null; stderr: string} {
    const env = {...device.nic.environment(), DEK_AGENT_SOCKET: agent.socket};
    return spawnSync('sh', ['-c', `${process.execPath} ${DEK} create vol-1 ${commandLine}`], {env, encoding: 'utf8'});
  }

  for (const [what, commandLine] of [
    ['a file', '"file:$FILE" --plaintext'],
    ['a descriptor', 'fd:7 --plaintext 7<"$FILE"'],
    ['a pipe', '- --plaintext'],
    ['hex in a pipe', '- --plaintext --format hex'],
  ] as const) {
    it(`reads the key from ${what}`, async () => {
      const source =
        what === 'hex in a pipe' ? `echo ${KEY.toString('hex')} |` : what === 'a pipe' ? 'cat "$FILE" |' : '';
      const env = {...device.nic.environment(), DEK_AGENT_SOCKET: agent.socket, FILE: file};
      const line = `${source} ${process.execPath} ${DEK} create vol-1 ${commandLine}`;
      const {status, stderr} = spawnSync('sh', ['-c', line], {env, encoding: 'utf8'});
      expect(status, stderr).to.equal(0);
      expect(await agent.client.queryDek('vol-1')).to.include({state: 'READY', import: 'plaintext', keySize: 128});
    });
  }

  it('refuses a file that others can read', () => {
    fs.chmodSync(file, 0o644);
    const {status, stderr} = create(`file:${file} --plaintext`);
    expect(stderr).to.include('is open to others');
    expect(status).to.equal(2);
  });

  it('refuses a wrapped key', async () => {
    const error = await thrownBy(() =>
      agent.client.createDek({name: 'vol-1', wrapped: new Uint8Array(40), opaque: new Uint8Array()}),
    );
    expect(error.code).to.equal('UNSUPPORTED');
  });

  it('says so when a descriptor that it should read is not there', async () => {
    const error = await thrownBy(() =>
      agent.client.createDek({name: 'vol-1', plaintext: {fd: 999}, opaque: new Uint8Array()}),
    );
    expect(error.code).to.equal('NO_INPUT');
  });

  for (const [what, flags] of [
    ['for nothing but its path (O_PATH)', 0o10000000],
    ['for writing only', fs.constants.O_WRONLY],
  ] as const) {
    it(`does not read a descriptor that was opened ${what}`, async () => {
      const fd = fs.openSync(file, flags);
      try {
        const error = await thrownBy(() =>
          agent.client.createDek({name: 'vol-1', plaintext: {fd}, opaque: new Uint8Array()}),
        );
        expect(error.code).to.equal('NO_INPUT');
        expect(error.message).to.include('it is not open for reading');
      } finally {
        fs.closeSync(fd);
      }
    });
  }

  it('keeps nothing of the key in its memory that is whole', function () {
    skipWithout('root', this); // reading the memory of a process that is not dumpable needs root
    expect(create(`file:${file} --plaintext`).status).to.equal(0);
    process.kill(agent.child.pid!, 'SIGSTOP');
    try {
      // libmlx5 copies the key to its stack, which cannot be wiped from here; a part of it may outlive the call there.
      const needles = [
        {name: 'key', bytes: KEY},
        {name: 'key1', bytes: KEY.subarray(0, 16)},
        {name: 'key in hex', bytes: Buffer.from(KEY.toString('hex'))},
        {name: 'key in base64', bytes: Buffer.from(KEY.toString('base64').slice(0, 40))},
      ];
      const hits = searchMemory(agent.child.pid!, needles, {skip: ({path}) => path.endsWith('.nvram')});
      expect(hits, describeHits(hits)).to.deep.equal([]);
    } finally {
      process.kill(agent.child.pid!, 'SIGCONT');
    }
  });
});
