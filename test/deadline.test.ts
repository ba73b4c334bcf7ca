import {getEventListeners} from 'node:events';
import {readFile} from 'node:fs/promises';
import {setTimeout as pause} from 'node:timers/promises';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {Deadline} from '../src/deadline.js';
import {thrownBy} from './support/process/errors-thrown.js';

describe('deadline', () => {
  const never = (): Promise<never> => new Promise(() => {});

  /** A promise, and the way to resolve it. */
  function later(): {begin: () => Promise<string>; come: (value: string) => void} {
    let come = (_value: string): void => {};
    const promise = new Promise<string>((resolve) => {
      come = resolve;
    });
    return {begin: () => promise, come: (value) => come(value)};
  }

  it('gives what comes in time, and keeps no listener', async () => {
    const {signal} = new AbortController();
    const deadline = new Deadline('it', {timeoutMs: 1000, signal});
    expect(await deadline.wait(async () => 'here')).to.equal('here');
    expect(getEventListeners(signal, 'abort')).to.deep.equal([]);
  });

  it('may be one of many that wait for one signal', async () => {
    const warnings: Error[] = [];
    const warn = (warning: Error): void => void warnings.push(warning);
    process.on('warning', warn);
    const abort = new AbortController();
    const limit = {timeoutMs: 60_000, signal: abort.signal};
    const all = Array.from({length: 20}, () => new Deadline('it', limit).wait(() => pause(20)));
    await Promise.all(all);
    process.off('warning', warn);
    expect(warnings).to.deep.equal([]);
  });

  it('passes on what it fails with', async () => {
    const deadline = new Deadline('it', {timeoutMs: 1000, signal: new AbortController().signal});
    const failed = deadline.wait(() => Promise.reject(new RangeError('no')));
    expect(await failed.catch((error: unknown) => error)).to.be.instanceOf(RangeError);
  });

  it('gives up when the time is over', async () => {
    const deadline = new Deadline('it', {timeoutMs: 20, signal: new AbortController().signal});
    const {begin, come} = later();
    const error = await thrownBy(() => deadline.wait(begin));
    expect([error.code, error.message, deadline.isOver]).to.deep.equal(['IO', 'it gave nothing for 0.02 s', true]);
    come('late');
  });

  it('gives up when the signal fires, before or meanwhile', async () => {
    for (const before of [true, false]) {
      const abort = new AbortController();
      const deadline = new Deadline('it', {timeoutMs: 60_000, signal: abort.signal});
      const {begin, come} = later();
      if (before) abort.abort();
      const error = thrownBy(() => deadline.wait(begin));
      abort.abort();
      expect(await error).to.include({code: 'IO', message: 'it is not waited for any more: interrupted'});
      come('late');
    }
  });

  it('is not over for a process that was stopped before what it waits for could come', async () => {
    const deadline = new Deadline('it', {timeoutMs: 20, signal: new AbortController().signal});
    const come = deadline.wait(() => readFile(fileURLToPath(import.meta.url)));
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
    expect((await come).length).to.be.above(0);
  });

  it('hands on what comes too late', async () => {
    const deadline = new Deadline('it', {timeoutMs: 10, signal: new AbortController().signal});
    const {begin, come} = later();
    const late: string[] = [];
    await thrownBy(() => deadline.wait(begin, (value) => late.push(value)));
    come('after all');
    await pause(0);
    expect(late).to.deep.equal(['after all']);
  });

  it('begins nothing new while too much hangs', async () => {
    const wait = (begin: () => Promise<unknown>): Promise<unknown> =>
      new Deadline('it', {timeoutMs: 5, signal: new AbortController().signal}).wait(begin);
    const hanging = [later(), later(), later(), later()];
    for (const {begin} of hanging) await thrownBy(() => wait(begin));
    let begun = false;
    const error = await thrownBy(() =>
      wait(() => {
        begun = true;
        return never();
      }),
    );
    expect([error.message, begun]).to.deep.equal(['it is not tried: 4 calls before it hang', false]);
    for (const {come} of hanging) come('late');
    await pause(0);
    expect(await wait(async () => 'again')).to.equal('again');
  });
});
