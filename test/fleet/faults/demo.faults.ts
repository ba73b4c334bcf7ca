/** The demonstration of a fleet: what its agents hold at the end is what was published. */
import {execFileSync} from 'node:child_process';
import {createHash} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {openManifest} from '../../../src/manifest/index.js';
import {temporaryDirectory} from '../../support/temporary-directory.js';

const DEMO = fileURLToPath(new URL('../../../../scripts/demo-fleet', import.meta.url));

describe('npm run demo:fleet', () => {
  it('ends with agents that hold what was published, each DEK READY, PROVEN and with its DCV', async () => {
    const out = temporaryDirectory();
    try {
      execFileSync(DEMO, {env: {...process.env, DEMO_OUT: out}, stdio: 'pipe'});
      const published = join(out, 'back.manifest');
      const digest = createHash('sha256').update(fs.readFileSync(published)).digest('hex');
      const {header, entries} = await openManifest(published);
      let deks = 0;
      for await (const {dcv} of entries) if (dcv) deks++;
      const [, ...rows] = fs.readFileSync(join(out, 'table.tsv'), 'utf8').trim().split('\n');
      const all = [`${header.edition!.generation}`, digest, `${deks}/${deks}`, `${deks}/${deks}`, `${deks}`];
      expect(deks).to.equal(5);
      expect(rows).to.deep.equal(['node-1', 'node-2', 'node-3'].map((host) => [host, ...all].join('\t')));
    } finally {
      fs.rmSync(out, {recursive: true});
    }
  });
});
