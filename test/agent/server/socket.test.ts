import {spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import net from 'node:net';
import {join} from 'node:path';
import {expect} from 'chai';
import {type BoundSocket, bindSocket} from '../../../src/agent/server/socket.js';
import {socketPath} from '../../../src/agent/socket-path.js';
import {DekError} from '../../../src/errors.js';
import {tryLock} from '../../../src/files/ffi.js';
import {thrownBy} from '../../support/process/errors-thrown.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';

describe('socket', () => {
  let directory: string;
  let servers: net.Server[];
  let held: BoundSocket[];

  beforeEach(() => {
    directory = temporaryDirectory();
    servers = [];
    held = [];
  });
  afterEach(() => {
    for (const server of servers) server.close();
    for (const bound of held) bound.remove();
    fs.rmSync(directory, {recursive: true, force: true});
  });

  /** Binds a socket at `path` as an agent does. */
  async function bind(path: string, gid?: number): Promise<BoundSocket> {
    const server = net.createServer();
    servers.push(server);
    const bound = await bindSocket(path, gid, (own) => {
      if (server.listening) server.close();
      return new Promise<void>((done) => server.listen(own, done));
    });
    held.push(bound);
    return bound;
  }

  async function assertAnswers(path: string): Promise<void> {
    const client = net.connect(path);
    await once(client, 'connect');
    client.destroy();
  }

  const mode = (path: string): string => (fs.statSync(path).mode & 0o777).toString(8);

  /** A socket file on which nobody accepts: its process was killed. */
  async function leaveStale(path: string): Promise<void> {
    const listen = `require('net').createServer().listen(${JSON.stringify(path)}, die)`;
    const script = `const die = () => process.kill(process.pid, 'SIGKILL'); ${listen}`;
    await new Promise((ended) => spawn(process.execPath, ['-e', script]).once('exit', ended));
    expect(fs.lstatSync(path).isSocket()).to.equal(true);
  }

  it('makes the socket 0600 in a directory 0700, whatever the umask', async () => {
    const umask = process.umask(0);
    try {
      await bind(join(directory, 'run', 'dek', 'agent.sock'));
      expect(mode(join(directory, 'run', 'dek', 'agent.sock'))).to.equal('600');
      expect(mode(join(directory, 'run', 'dek'))).to.equal('700');
      expect(process.umask()).to.equal(0);
    } finally {
      process.umask(umask);
    }
  });

  it('opens socket and directory to a group that it is shared with', async () => {
    const gid = process.getgid!();
    await bind(join(directory, 'dek', 'agent.sock'), gid);
    expect(mode(join(directory, 'dek', 'agent.sock'))).to.equal('660');
    expect(mode(join(directory, 'dek'))).to.equal('750');
    expect(fs.statSync(join(directory, 'dek', 'agent.sock')).gid).to.equal(gid);
  });

  it('replaces the socket of a dead agent', async () => {
    const path = join(directory, 'agent.sock');
    await leaveStale(path);
    await bind(path);
    await assertAnswers(path);
  });

  it('never replaces the socket of an agent that lives', async () => {
    const path = join(directory, 'agent.sock');
    await bind(path);
    const before = fs.statSync(path).ino;
    const error = await thrownBy(() => bind(path));
    expect(error.code).to.equal('EXISTS');
    expect(error.exitStatus).to.equal(5);
    expect(fs.statSync(path).ino).to.equal(before);
  });

  it('is not kept away by who holds the lock of its directory', async () => {
    const fd = fs.openSync(directory, 'r');
    try {
      expect(tryLock(fd)).to.equal(true);
      await bind(join(directory, 'agent.sock'));
    } finally {
      fs.closeSync(fd);
    }
  });

  it('lets one of several win that find a stale socket at once', async () => {
    const path = join(directory, 'agent.sock');
    await leaveStale(path);
    const results = await Promise.allSettled([bind(path), bind(path), bind(path), bind(path)]);
    expect(results.filter(({status}) => status === 'fulfilled')).to.have.length(1);
    for (const result of results) if (result.status === 'rejected') expect(result.reason.code).to.equal('EXISTS');
  });

  it('removes its own socket at the end, and not one that another has put there', async () => {
    const path = join(directory, 'agent.sock');
    const bound = await bind(path);
    fs.unlinkSync(path);
    const other = net.createServer();
    servers.push(other);
    await new Promise<void>((done) => other.listen(path, done));
    bound.remove();
    expect(fs.readdirSync(directory)).to.deep.equal(['agent.sock']);
    await bindAgain(path, other);
    expect(fs.readdirSync(directory)).to.deep.equal([]);
  });

  /** Binds when `other` has gone, and removes what was bound. */
  async function bindAgain(path: string, other: net.Server): Promise<void> {
    await new Promise((done) => other.close(done));
    (await bind(path)).remove();
  }

  describe('of an agent that lives, when it was removed', () => {
    let path: string;
    let bound: BoundSocket;
    beforeEach(async () => {
      path = join(directory, 'run', 'agent.sock');
      bound = await bind(path);
    });

    it('is bound anew', async () => {
      expect(await bound.keep()).to.equal(false);
      fs.unlinkSync(path);
      expect(await bound.keep()).to.equal(true);
      expect(mode(path)).to.equal('600');
      await assertAnswers(path);
      expect(await bound.keep()).to.equal(false);
    });

    it('is bound anew with its directory', async () => {
      fs.rmSync(join(directory, 'run'), {recursive: true});
      expect(await bound.keep()).to.equal(true);
      await assertAnswers(path);
      expect((await thrownBy(() => bind(path))).code).to.equal('EXISTS');
    });

    it('is not that of another agent, which finds that this one lives', async () => {
      fs.unlinkSync(path);
      const second = thrownBy(() => bind(path));
      await bound.keep();
      expect((await second).code).to.equal('EXISTS');
      await assertAnswers(path);
    });

    it('is left to what has taken its place', async () => {
      fs.unlinkSync(path);
      fs.writeFileSync(path, 'precious');
      expect((await thrownBy(() => bound.keep())).code).to.equal('EXISTS');
      expect(fs.readFileSync(path, 'utf8')).to.equal('precious');
    });

    it('is left to another agent that has taken the lock', async () => {
      fs.rmSync(join(directory, 'run'), {recursive: true});
      await bind(path);
      const {ino} = fs.statSync(path);
      expect((await thrownBy(() => bound.keep())).message).to.include('another agent');
      bound.remove();
      expect(fs.statSync(path).ino).to.equal(ino);
      await assertAnswers(path);
    });
  });

  it('does not touch a file that is no socket', async () => {
    const path = join(directory, 'agent.sock');
    fs.writeFileSync(path, 'precious');
    expect((await thrownBy(() => bind(path))).code).to.equal('EXISTS');
    expect(fs.readFileSync(path, 'utf8')).to.equal('precious');
  });

  it('does not follow a symbolic link', async () => {
    const path = join(directory, 'agent.sock');
    fs.symlinkSync('/etc/passwd', path);
    expect((await thrownBy(() => bind(path))).code).to.equal('EXISTS');
    expect(fs.readlinkSync(path)).to.equal('/etc/passwd');
  });

  it('refuses a directory in which others could replace the socket', async () => {
    fs.mkdirSync(join(directory, 'open'));
    fs.chmodSync(join(directory, 'open'), 0o777);
    const error = await thrownBy(() => bind(join(directory, 'open', 'agent.sock')));
    expect(error.code).to.equal('UNSAFE_SECRET');
    expect(error.hint).to.include('chmod 700');
  });

  it('refuses a path that is too long for a socket', async () => {
    expect((await thrownBy(() => bind(join(directory, 'x'.repeat(100), 'agent.sock')))).code).to.equal('BAD_ARGUMENT');
  });

  it('refuses a directory that the group cannot pass', async () => {
    fs.mkdirSync(join(directory, 'closed'), {mode: 0o700});
    const error = await thrownBy(() => bind(join(directory, 'closed', 'agent.sock'), 60));
    expect(error.code).to.equal('BAD_ARGUMENT');
    expect(error.hint).to.include('chgrp 60');
  });

  it('opens every directory that it makes to the group', async () => {
    await bind(join(directory, 'a', 'b', 'agent.sock'), process.getgid!());
    expect([mode(join(directory, 'a')), mode(join(directory, 'a', 'b'))]).to.deep.equal(['750', '750']);
  });

  it('says so when the system never lets the directory be made', async () => {
    expect((await thrownBy(() => bind('/proc/no/such/agent.sock'))).code).to.be.oneOf(['IO', 'PERMISSION']);
  });

  it('says so when the directory cannot be made', async () => {
    fs.writeFileSync(join(directory, 'file'), '');
    const error = await thrownBy(() => bind(join(directory, 'file', 'agent.sock')));
    expect(error.code).to.equal('BAD_ARGUMENT');
    expect(error.hint).to.include('--socket');
  });

  describe('path', () => {
    let saved: NodeJS.ProcessEnv;
    beforeEach(() => {
      saved = {...process.env};
      delete process.env['DEK_AGENT_SOCKET'];
      delete process.env['XDG_RUNTIME_DIR'];
    });
    afterEach(() => {
      process.env = saved;
    });

    it('is /run/dek/agent.sock at last', () => {
      expect(socketPath()).to.equal('/run/dek/agent.sock');
    });
    it('is in $XDG_RUNTIME_DIR before that', () => {
      process.env['XDG_RUNTIME_DIR'] = '/run/user/1';
      expect(socketPath()).to.equal('/run/user/1/dek/agent.sock');
    });
    it('is $DEK_AGENT_SOCKET before that', () => {
      process.env['XDG_RUNTIME_DIR'] = '/run/user/1';
      process.env['DEK_AGENT_SOCKET'] = '/a.sock';
      expect(socketPath()).to.equal('/a.sock');
    });
    it('is not where an empty word or variable leads', () => {
      expect(() => socketPath('')).to.throw(DekError, "the path of the agent's socket is empty");
      process.env['DEK_AGENT_SOCKET'] = '';
      expect(() => socketPath()).to.throw(DekError, '$DEK_AGENT_SOCKET is empty');
      expect(socketPath('/b.sock')).to.equal('/b.sock');
      delete process.env['DEK_AGENT_SOCKET'];
      for (const directory of ['', 'relative']) {
        process.env['XDG_RUNTIME_DIR'] = directory;
        expect(socketPath()).to.equal('/run/dek/agent.sock');
      }
    });
    it('is what was named before all', () => {
      process.env['DEK_AGENT_SOCKET'] = '/a.sock';
      expect(socketPath('/b.sock')).to.equal('/b.sock');
    });
  });
});
