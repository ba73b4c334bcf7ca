import {spawnSync} from 'node:child_process';
import {expect} from 'chai';
import {isRunning, startTimeOf} from '../../../src/agent/store/process.js';

describe('isRunning', () => {
  it('knows a process by its id and its start', () => {
    const start = startTimeOf(process.pid);
    expect(start).to.match(/^\d+$/);
    expect(isRunning(process.pid, start)).to.equal(true);
    expect(isRunning(process.pid, `${Number(start) + 1}`)).to.equal(false);
  });

  it('takes one that may not be looked at for the one that was', () => {
    expect(isRunning(process.pid, null)).to.equal(true);
  });

  it('knows that one has ended', () => {
    const {pid} = spawnSync('true');
    expect(isRunning(pid, null)).to.equal(false);
    expect(startTimeOf(pid)).to.equal(null);
  });
});
