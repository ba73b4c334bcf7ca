import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import {skipWithout} from '../support/skip.js';

const MODULE = new URL('../../src/memory/core-dump.js', import.meta.url).href;
const SECRET = 'a secret that no core dump shall hold';

/** Runs a script that keeps the reversed SECRET, reversed back, in its memory. */
function runScript(lines: string[], options: {cwd?: string; shell?: string} = {}): string {
  const reversed = [...SECRET].reverse().join('');
  const keep = `globalThis.kept = Buffer.from('${reversed}').reverse();`;
  const script = [`import {excludeFromCoreDump} from '${MODULE}'; import fs from 'node:fs';`, keep, ...lines].join(
    '\n',
  );
  const command = `${options.shell ?? ''} exec "$0" --input-type=module -e "$1"`;
  return execFileSync('sh', ['-c', command, process.execPath, script], {
    ...(options.cwd ? {cwd: options.cwd} : {}),
    stdio: ['ignore', 'pipe', 'ignore'],
  }).toString();
}

describe('core-dump', () => {
  it('leaves no kind of mapping in the filter', () => {
    const print = `process.stdout.write(fs.readFileSync('/proc/self/coredump_filter', 'utf8'))`;
    expect(runScript([print]).trim()).to.not.equal('00000000');
    expect(runScript(['excludeFromCoreDump();', print]).trim()).to.equal('00000000');
  });

  it('keeps memory out of a real core dump', function () {
    skipWithout('core files', this);
    const dump = (line: string): Buffer | undefined => {
      const cwd = fs.mkdtempSync(join(tmpdir(), 'dek-core-'));
      try {
        try {
          runScript([line, 'process.abort();'], {cwd, shell: 'ulimit -c unlimited;'});
        } catch {} // killed by SIGABRT
        const [core] = fs.readdirSync(cwd);
        return core === undefined ? undefined : fs.readFileSync(join(cwd, core));
      } finally {
        fs.rmSync(cwd, {recursive: true});
      }
    };
    const [plain, filtered] = [dump(''), dump('excludeFromCoreDump();')];
    expect(plain?.includes(SECRET)).to.equal(true);
    expect(filtered?.includes(SECRET) ?? false).to.equal(false);
  });
});
