import fs from 'node:fs';
import {createServer} from 'node:net';
import {join} from 'node:path';
import {expect} from 'chai';
import {connectAgent} from '../../src/agent/client.js';
import {thrownBy} from '../support/process/errors-thrown.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

describe('client without an agent', () => {
  let directory: string;
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  afterEach(() => fs.rmSync(directory, {recursive: true, force: true}));

  const ask = (path: string) => thrownBy(async () => (await connectAgent(path)).status());

  it('says that a path is too long for a socket, as the agent does', async () => {
    const error = await ask(join(directory, 'd'.repeat(110), 'agent.sock'));
    expect(error.code).to.equal('BAD_ARGUMENT');
    expect(error.message).to.match(/^the socket path .* is too long: the kernel takes 107 bytes$/);
    expect((await ask(join(directory, 'd'.repeat(107 - directory.length - 1)))).code).to.equal('NO_AGENT');
  });

  it('says that a file, or a directory, is not a socket', async () => {
    const file = join(directory, 'file');
    fs.writeFileSync(file, '');
    for (const path of [file, directory, '/dev/null']) {
      expect(await ask(path), path).to.include({code: 'BAD_ARGUMENT', message: `${path} is not a socket`});
    }
  });

  it('says that nobody listens where there is nothing, and below a file', async () => {
    const file = join(directory, 'file');
    fs.writeFileSync(file, '');
    for (const path of [join(directory, 'none'), join(file, 'agent.sock')]) {
      expect((await ask(path)).code, path).to.equal('NO_AGENT');
    }
  });

  it('says where it is told why the agent broke off, a unit that does not start among the reasons', async () => {
    const path = join(directory, 'agent.sock');
    const server = createServer((socket) => socket.destroy());
    await new Promise<void>((done) => server.listen(path, done));
    try {
      const error = await ask(path);
      expect(error.message).to.equal(`the agent on ${path} broke off before it answered`);
      expect(error.hint).to.include('systemctl status dek-agent');
    } finally {
      server.close();
    }
  });
});
