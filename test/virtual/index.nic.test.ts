import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {temporaryDirectory} from '../support/temporary-directory.js';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

describe('mlx5-dek/virtual', () => {
  let directory: string;
  beforeEach(() => {
    directory = temporaryDirectory();
  });
  afterEach(() => fs.rmSync(directory, {recursive: true}));

  it('makes a NIC, changes it, runs a program on it and counts, by the name of the package', () => {
    const script = `
      import {execFileSync} from 'node:child_process';
      import * as virtual from 'mlx5-dek/virtual';
      const nic = await virtual.createVirtual(process.argv[1], {kekId: 7, settings: {policy: 'fips'}});
      nic.set({serviceUs: virtual.SERVICE_PRESETS['connectx-6dx'], openErrno: 0});
      const names = execFileSync('ibv_devinfo', ['-l'], {env: nic.environment(), encoding: 'utf8'});
      const {policy, serviceUs, importKeks, live, total} = virtual.openVirtual(process.argv[1]).show();
      console.log(JSON.stringify({
        exported: Object.keys(virtual), names: names.trim().split(/\\s+/).pop(), policy, serviceUs,
        kek: importKeks[0].id, live, workRequests: total.workRequests,
      }));
    `;
    const args = ['--input-type=module', '-e', script, join(directory, 'nic')];
    const output = execFileSync(process.execPath, args, {cwd: ROOT, encoding: 'utf8'});
    const none = {pds: 0, logins: 0, deks: 0, cqs: 0, qps: 0, mrs: 0, mkeys: 0};
    expect(JSON.parse(output)).to.deep.equal({
      exported: ['SERVICE_PRESETS', 'VirtualConnectX', 'createVirtual', 'openVirtual'],
      names: 'mlx5_0',
      policy: 'fips',
      serviceUs: {create: 31, query: 22, destroy: 30, other: 22},
      kek: 7,
      live: {contexts: 0, ...none, processes: [], open: []},
      workRequests: 0,
    });
  });

  it('is documented by an example that compiles', () => {
    const text = fs.readFileSync(join(ROOT, 'docs/virtual-connectx.md'), 'utf8');
    const example = /```ts\n([\s\S]*?)```/.exec(text)![1]!;
    // In the tree, so that the name of the package and the types of Node are found.
    const folder = fs.mkdtempSync(join(ROOT, '.cache-example-'));
    try {
      fs.writeFileSync(join(folder, 'example.mts'), example);
      const flags = ['--noEmit', '--strict', '--module', 'nodenext', '--types', 'node', '--ignoreConfig'];
      execFileSync(join(ROOT, 'node_modules/.bin/tsc'), [...flags, join(folder, 'example.mts')], {stdio: 'pipe'});
    } finally {
      fs.rmSync(folder, {recursive: true});
    }
  });
});
