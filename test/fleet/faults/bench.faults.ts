/** What `npm run bench:fleet` leaves when it is ended in the middle: nothing that runs, and nothing on disk. */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {temporaryDirectory} from '../../support/temporary-directory.js';
import {until} from '../../support/until.js';

const BENCH = fileURLToPath(new URL('../scale/main.js', import.meta.url));

/** The command lines of processes with that word in their environment. */
function processesWith(word: string): string[] {
  return fs.readdirSync('/proc').flatMap((pid) => {
    try {
      const isOurs = /^\d+$/.test(pid) && fs.readFileSync(`/proc/${pid}/environ`, 'latin1').includes(word);
      const text = isOurs ? fs.readFileSync(`/proc/${pid}/cmdline`, 'latin1') : '';
      return text === '' ? [] : [text.replaceAll('\0', ' ')];
    } catch {
      return []; // it has ended, or is another's
    }
  });
}

describe('npm run bench:fleet', () => {
  for (const signal of ['SIGKILL', 'SIGTERM'] as const) {
    it(`ended by ${signal} leaves no process${signal === 'SIGKILL' ? '' : ', and no file'}`, async () => {
      const directory = temporaryDirectory();
      try {
        const child = spawn(process.execPath, [BENCH, '5'], {
          env: {...process.env, TMPDIR: directory},
          stdio: 'ignore',
        });
        const ended = once(child, 'exit');
        await until(() => processesWith(directory).some((line) => line.startsWith('etcd ')), 'etcd runs');
        await until(() => processesWith(directory).some((line) => line.includes('/scale/hosts.js')), 'hosts run');
        child.kill(signal);
        await ended;
        await until(
          () => processesWith(directory).length === 0,
          () => `${processesWith(directory)} have ended`,
        );
        if (signal === 'SIGTERM') expect(fs.readdirSync(directory)).to.deep.equal([]);
      } finally {
        fs.rmSync(directory, {recursive: true});
      }
    });
  }
});
