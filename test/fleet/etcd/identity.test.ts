import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {Identity} from '../../../src/fleet/etcd/identity.js';
import {parseFleetUri} from '../../../src/fleet/uri.js';
import {Authority} from '../../support/fleet/etcd.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';

describe('identity', () => {
  const directory = temporaryDirectory();
  const pipe = join(directory, 'pipe');
  const authority = new Authority(directory);
  before(() => {
    authority.issue('node-1');
    execFileSync('mkfifo', ['-m', '600', pipe]);
  });
  after(() => fs.rmSync(directory, {recursive: true}));

  for (const name of ['ca', 'cert', 'key']) {
    it(`waits for ${name}= no longer than its limit`, async () => {
      const query = new URLSearchParams(authority.query('node-1'));
      query.set(name, name === 'key' ? `file:${pipe}` : pipe);
      const uri = parseFleetUri(`etcd://127.0.0.1/dek?${decodeURIComponent(`${query}`)}`, 'fleet');
      const identity = new Identity(uri, {timeoutMs: 100, signal: new AbortController().signal});
      const error = await identity.context().catch((reason: unknown) => reason);
      expect(error).to.have.property('code', 'IO');
      expect(error).to.have.property('message').that.includes('gave nothing for 0.1 s');
    });
  }
});
