import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {AgentProcess} from '../../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {skipWithout} from '../../support/skip.js';
import {until} from '../../support/until.js';

/** Debian's nobody, and two groups that exist everywhere. */
const NOBODY = 65_534;
const DAEMON = 1;
const GAMES = 60;

describe('peer', () => {
  let device: TestDevice;
  let agent: AgentProcess | undefined;

  before(function () {
    skipWithout('root', this); // becoming another user needs root
  });
  beforeEach(async () => {
    device = await testDevice();
    fs.chmodSync(device.directory, 0o755);
  });
  afterEach(async () => {
    await agent?.end();
    device?.remove();
  });

  /** The HTTP status that a user with these groups gets; 0 when the socket cannot even be connected to. */
  function statusAs(uid: number, gid: number, groups = ''): number {
    const identity = ['--reuid', `${uid}`, '--regid', `${gid}`, groups ? `--groups=${groups}` : '--clear-groups'];
    const curl = [
      'curl',
      '-s',
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      '--unix-socket',
      agent!.socket,
      'http://dek/v1/status',
    ];
    try {
      return Number(execFileSync('setpriv', [...identity, ...curl], {encoding: 'utf8'}));
    } catch {
      return 0;
    }
  }

  it('keeps other users from connecting', async () => {
    agent = await AgentProcess.start(device);
    expect(statusAs(0, 0)).to.equal(200);
    expect(statusAs(NOBODY, NOBODY)).to.equal(0);
  });

  it('refuses other users also when the mode of the socket lets them connect', async () => {
    agent = await AgentProcess.start(device);
    fs.chmodSync(agent.socket, 0o666);
    expect(statusAs(NOBODY, NOBODY)).to.equal(403);
    await until(() => agent!.log.includes('"event":"peer-refused"'));
    expect(agent.log).to.include(`"uid":${NOBODY}`);
  });

  it('lets in the members of a group that it is shared with, primary or supplementary', async () => {
    const socket = join(device.directory, 'dek', 'agent.sock');
    agent = await AgentProcess.start(device, {socket, args: ['--group', `${GAMES}`]});
    expect(statusAs(NOBODY, GAMES)).to.equal(200);
    expect(statusAs(NOBODY, NOBODY, `${DAEMON},${GAMES}`)).to.equal(200);
    expect(statusAs(NOBODY, DAEMON)).to.equal(0);
  });

  it('refuses to start for a group that does not exist', async () => {
    let message = '';
    try {
      agent = await AgentProcess.start(device, {args: ['--group', 'no-such-group']});
    } catch (error) {
      message = (error as Error).message;
    }
    expect(message).to.include('there is no group "no-such-group"');
  });
});
