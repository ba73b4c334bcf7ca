import {spawnSync} from 'node:child_process';
import {expect} from 'chai';

const MODULE = new URL('../src/signals.js', import.meta.url).href;

/** Runs a script that has `holdSignals`; what it prints, and the signal that ended it. */
function runScript(script: string): {stdout: string; signal: string | null} {
  const whole = `import {holdSignals} from ${JSON.stringify(MODULE)}; ${script}`;
  const {stdout, signal, stderr} = spawnSync(process.execPath, ['--input-type=module', '-e', whole], {
    encoding: 'utf8',
  });
  expect(stderr).to.equal('');
  return {stdout, signal};
}

describe('holdSignals', () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    it(`lets the work end before ${signal} ends the process`, () => {
      const ended = runScript(`
        await holdSignals(async (interrupted) => {
          console.log(await interrupted());
          process.kill(process.pid, '${signal}');
          console.log(await interrupted());
        });
        console.log('never');`);
      expect(ended).to.deep.equal({stdout: 'false\ntrue\n', signal});
    });
  }

  it('also when the work fails, and never gave the event loop a turn', () => {
    const kill = `process.kill(process.pid, 'SIGTERM'); console.log('done');`;
    const failed = runScript(
      `await holdSignals(async () => { ${kill} throw new Error('x'); }).catch(() => console.log('never'));`,
    );
    expect(failed).to.deep.equal({stdout: 'done\n', signal: 'SIGTERM'});
  });

  it('leaves a signal to others that listen', () => {
    const ended = runScript(`
      process.on('SIGINT', () => console.log('heard'));
      await holdSignals(async () => process.kill(process.pid, 'SIGINT'));
      console.log('on');`);
    expect(ended).to.deep.equal({stdout: 'heard\non\n', signal: null});
  });

  it('holds nothing back afterwards', () => {
    const ended = runScript(`
      console.log(await holdSignals(async () => 'result'));
      process.kill(process.pid, 'SIGHUP');
      setTimeout(() => console.log('never'), 5000);`);
    expect(ended).to.deep.equal({stdout: 'result\n', signal: 'SIGHUP'});
  });

  it('for many at once, with one listener of the process, until the last has ended', () => {
    const ended = runScript(`
      process.on('warning', (warning) => console.log(warning.message));
      let end;
      const last = holdSignals(() => new Promise((resolve) => { end = resolve; }));
      await Promise.all(Array.from({length: 20}, () => holdSignals(async () => {})).map(async (one, i) => {
        if (i === 0) console.log(process.listenerCount('SIGINT'));
        await one;
      }));
      process.kill(process.pid, 'SIGINT');
      console.log('held');
      end();
      await last;
      console.log('never');`);
    expect(ended).to.deep.equal({stdout: '1\nheld\n', signal: 'SIGINT'});
  });
});
