/**
 * What others choose, the path of a manifest, and keys that are typed in a wrong place, on their way to the terminal
 * and the log.
 */
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {vols, writeManifestFile} from '../support/agent/agent-manifests.js';
import {AgentProcess} from '../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {runDek} from '../support/process/run-dek.js';

/** A title, another colour, and a line that the agent never said; C1 and a turn of the text for what takes them. */
const NAME = 'm\x1b]0;pwned\x07\x1b[31m\nDEKs: 1000: 1000 READY\u009b2J\u202ex';
const SHOWN = 'm\\x1b]0;pwned\\x07\\x1b[31m\\nDEKs: 1000: 1000 READY\\x9b2J\\u202ex';
const OBEYED = /[\p{Cc}\p{Bidi_Control}]/u;

describe('a hostile name', () => {
  let device: TestDevice;
  let agent: AgentProcess;
  let path: string;
  const dek = (...args: string[]) => runDek(args, {env: {DEK_AGENT_SOCKET: agent.socket}});
  const lines = (text: Buffer | string): string[] => text.toString().split('\n');

  before(async () => {
    device = await testDevice();
    agent = await AgentProcess.start(device);
    path = join(device.directory, NAME);
    fs.renameSync(writeManifestFile(device, vols(1, 2)), path);
    expect((await dek('apply', path)).status).to.equal(0);
  });
  after(async () => {
    await agent.end();
    device.remove();
  });

  it('is shown by dek status, with --json as it is', async () => {
    const {stdout} = await dek('status');
    for (const line of lines(stdout)) expect(line).to.not.match(OBEYED);
    expect(stdout.toString()).to.include(SHOWN);
    expect(lines(stdout).filter((line) => line.startsWith('DEKs:'))).to.have.length(1);
    const json = await dek('status', '--json');
    for (const line of lines(json.stdout)) expect(line).to.not.match(OBEYED);
    expect(JSON.parse(json.stdout.toString()).manifest.path).to.equal(path);
  });

  it('is shown by errors, of the agent and of the command', async () => {
    for (const args of [
      ['apply', `${path}2`],
      ['manifest', 'check', `${path}2`],
      ['unwrap', `${path}2`, '--kek', `file:${device.nic.kekFile}`],
      ['query', path],
      ['virtual', 'exec', path, '--', 'true'],
    ]) {
      const {status, stderr} = await dek(...args);
      expect(status).to.not.equal(0);
      expect(lines(stderr).filter((line) => line !== '' && !/^(error|hint): /.test(line))).to.deep.equal([]);
      for (const line of lines(stderr)) expect(line).to.not.match(OBEYED);
    }
  });

  it('is in no line of the log as it is', () => {
    const log = lines(agent.log).filter((line) => line.includes('pwned'));
    expect(log).to.have.length.above(0);
    for (const line of log) expect(line).to.not.match(OBEYED);
  });
});

describe('a key in a wrong place', () => {
  const bytes = Buffer.from('00112233445566778899aabbccddeeff000112233445566778899aabbccddeef', 'hex');

  for (const [what, key] of [
    ['16 bytes in base64', bytes.subarray(0, 16).toString('base64')],
    ['32 bytes in base64', bytes.toString('base64')],
    ['16 bytes in hex', bytes.subarray(0, 16).toString('hex')],
    ['32 bytes in hex', `0x${bytes.toString('hex')}`],
  ] as const) {
    it(`is not repeated: ${what}`, async () => {
      for (const args of [
        ['query', key],
        ['create', key, 'x'],
        ['destroy', key],
        ['apply', key],
        ['agent', '--group', key],
        ['agent', '--manifest', key],
        ['wrap', '--size', key],
        ['wrap', key, '--kek', key],
        ['unwrap', key, '--kek', key],
        ['keygen', '--kek', 'file:/dev/null', '--name', key],
        ['keygen', '--kek', 'file:/dev/null', '--first', key],
        ['status', '--socket', key],
        ['manifest', 'check', key],
        ['rewrap', key, '--from', key, '--to', key],
        ['device', 'show', key],
        ['virtual', 'show', key],
        ['virtual', 'set', 'x', key],
        ['seal', key, '--name', key],
        ['unseal', key, '--name', key],
        ['selftest', key],
        [key],
        ['device', key],
      ]) {
        for (const env of [{}, {DEK_DEBUG: '1'}]) {
          const {status, stdout, stderr} = await runDek(args, {env});
          expect(status, args.join(' ')).to.be.above(0);
          expect(stdout + stderr, args.join(' ')).to.not.include(key.replace(/=+$/, ''));
          if ('DEK_DEBUG' in env) break;
        }
      }
    });
  }
});
