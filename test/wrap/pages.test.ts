/** Large results lie in large pages, where the kernel has them: what a page fault costs is paid for 2 MiB at once. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {expect} from 'chai';
import {skipWithout} from '../support/skip.js';

const MODULE = new URL('../../src/wrap/index.js', import.meta.url).href;
const ENABLED = '/sys/kernel/mm/transparent_hugepage/enabled';

const SCRIPT = `
  const {wrapKeys, unwrapKeys, rewrapKeys} = await import(process.argv[1]);
  const kek = new Uint8Array(32).fill(7);
  const plain = new Uint8Array(72 * 600_000).fill(3);
  wrapKeys(kek, plain.subarray(0, 72 * 512), 72); // loads what computes
  const results = [];
  const faultsOf = (run) => {
    const before = process.resourceUsage().minorPageFault;
    results.push(run());
    return process.resourceUsage().minorPageFault - before;
  };
  console.log(faultsOf(() => wrapKeys(kek, plain, 72)));
  console.log(faultsOf(() => unwrapKeys(kek, results[0], 72)));
  console.log(faultsOf(() => rewrapKeys(kek, kek, results[0], 72)));
`;

describe('large results', () => {
  it('take few page faults', function () {
    const enabled = fs.existsSync(ENABLED) ? fs.readFileSync(ENABLED, 'utf8') : '[never]';
    skipWithout('large pages', this, !enabled.includes('[never]'));
    const args = ['--input-type=module', '-e', SCRIPT, MODULE];
    const {stdout, stderr} = spawnSync(process.execPath, args, {encoding: 'utf8'});
    expect(stderr).to.equal('');
    const smallPages = (600_000 * 72) / 4096;
    for (const faults of stdout.trim().split('\n').map(Number)) expect(faults).to.be.within(0, smallPages / 3);
    expect(stdout.trim().split('\n')).to.have.length(3);
  });
});
