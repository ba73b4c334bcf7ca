/** A libmlx5 before rdma-core 44, which hands the tweak over unreversed: what is said of it. */
import {expect} from 'chai';
import {DEK} from '../../support/agent/agent-process.js';
import {type TestDevice, testDevice} from '../../support/nic/device.js';
import {RELEASE} from '../../support/nic/release.js';

/** Under a release before 44 it is that one; else one that says that it is 42.0. */
const IS_OLD = Number.parseInt(RELEASE, 10) < 44;
const OLD = IS_OLD ? RELEASE : '42.0';
const PRELOAD = IS_OLD ? [] : ['--import', new URL('../../support/nic/old-library.js', import.meta.url).href];

describe('dek device show', () => {
  let device: TestDevice;
  const show = (...preload: string[]) => {
    const {stdout} = device.run(process.execPath, [...preload, DEK, 'device', 'show', '--json']);
    return JSON.parse(stdout) as {warning: string | null; rdmaCore: string};
  };
  beforeEach(async () => {
    device = await testDevice();
  });
  afterEach(() => device.remove());

  it('warns of a libmlx5 that gives a NIC with the multi-block engine the tweak in the other byte order', () => {
    const {warning, rdmaCore} = show(...PRELOAD);
    expect(rdmaCore).to.equal(OLD);
    expect(warning).to.match(
      new RegExp(`^libmlx5 of rdma-core ${OLD} gives this NIC the tweak in the other byte order`),
    );
    const {stdout} = device.run(process.execPath, [...PRELOAD, DEK, 'device', 'show']);
    expect(stdout.trimEnd().split('\n').at(-1)).to.equal(`warning: ${warning}`);
  });

  it('does not on a NIC without that engine', () => {
    device.nic.set({engines: ['single-block']});
    expect(show(...PRELOAD).warning).to.equal(null);
  });

  if (!IS_OLD) {
    it('does not with the libmlx5 that is installed, for which it sends no command', () => {
      const before = device.nic.show().total.commands;
      expect(show().warning).to.equal(null);
      const commands = device.nic.show().total.commands - before;
      show(...PRELOAD);
      expect(device.nic.show().total.commands - before).to.equal(2 * commands + 1);
    });
  }
});
