/** An agent whose dependencies are links, as pnpm, npm link and workspaces install them, on a copy of the package. */
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {AgentProcess} from '../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {thrownBy} from '../support/process/errors-thrown.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

describe('linked modules', () => {
  let device: TestDevice;
  let copy: string;

  beforeEach(async () => {
    device = await testDevice();
    copy = join(device.directory, 'package');
    for (const part of ['bin', 'dist/bundle', 'dist/help', 'package.json']) {
      fs.cpSync(join(ROOT, part), join(copy, part), {recursive: true});
    }
    fs.mkdirSync(join(copy, 'node_modules'));
  });
  afterEach(() => device.remove());

  /** Starts an agent of the copy, whose node_modules has nothing but a link. */
  async function withAgent(use: (agent: AgentProcess) => Promise<void>): Promise<void> {
    fs.symlinkSync(fs.realpathSync(join(ROOT, 'node_modules/koffi')), join(copy, 'node_modules/koffi'));
    const agent = await AgentProcess.start(device, {dek: join(copy, 'bin/dek.cjs')});
    try {
      await use(agent);
    } finally {
      await agent.end();
    }
  }

  it('answers', async () => {
    await withAgent(async ({client, child}) => {
      expect((await client.status()).pid).to.equal(child.pid);
    });
  });

  it('answers when what answers is gone after its start', async () => {
    await withAgent(async ({client, child}) => {
      fs.rmSync(join(copy, 'dist/bundle'), {recursive: true});
      expect((await client.status()).pid).to.equal(child.pid);
    });
  });

  it('logs why it cannot answer', async () => {
    fs.rmSync(join(copy, 'dist/bundle/fastify.cjs'));
    await withAgent(async (agent) => {
      expect(await thrownBy(() => agent.client.status())).to.include({
        code: 'INTERNAL',
        message: 'the agent cannot load its server',
        hint: 'its log says why',
      });
      expect(agent.log).to.match(
        /"level":"error","event":"internal","error":"[^"]*Cannot find module '\.\/fastify\.cjs'/,
      );
    });
  });
});
