import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import {addressOf, isLocked, lockedBytes, lockedCopy, MAX_LOCKED_BYTES, secretKeeping} from '../../src/memory/arena.js';
import {openShared, shareSecret} from '../../src/memory/share.js';
import {skipWithout} from '../support/skip.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

const module = (name: string): string => JSON.stringify(new URL(`../../src/memory/${name}.js`, import.meta.url).href);
const SECRET = 'a secret of which no core has a copy';

/** What /proc/PID/smaps says of the mapping that `address` lies in: its name, VmFlags and Locked. */
function mappingOf(address: bigint): {path: string; flags: string[]; lockedKb: number} {
  let found = {path: '', flags: [''], lockedKb: 0};
  let isIn = false;
  for (const line of fs.readFileSync('/proc/self/smaps', 'utf8').split('\n')) {
    const [, from, to, path] = /^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \S+\s*(.*)$/.exec(line) ?? [];
    if (from !== undefined) {
      isIn = BigInt(`0x${from}`) <= address && address < BigInt(`0x${to}`);
      if (isIn) found = {path: path!, flags: [], lockedKb: 0};
    }
    if (isIn && line.startsWith('VmFlags:')) found.flags = line.split(/\s+/).slice(1);
    if (isIn && line.startsWith('Locked:')) found.lockedKb = Number(/\d+/.exec(line)![0]);
  }
  return found;
}

/** Runs a script in a process of its own, under `shell`; returns what it prints. */
function run(
  lines: string[],
  {shell = '', as = '', cwd}: {shell?: string; as?: string; cwd?: string} = {},
  ...options: string[]
): string {
  const args = ['-c', `${shell} exec ${as} "$0" "$@"`, process.execPath, ...options, '--input-type=module', '-e'];
  const stdio = ['ignore', 'pipe', 'ignore'] as const;
  return execFileSync('sh', [...args, lines.join('\n')], {encoding: 'utf8', stdio: [...stdio], cwd});
}

describe('locked memory', () => {
  it('is locked, left out of dumps and of forks, as the kernel says', () => {
    const secret = lockedBytes(32).fill(1);
    const {path, flags, lockedKb} = mappingOf(addressOf(secret)!);
    expect(flags).to.include.members(['lo', 'dd']);
    expect(
      flags.some((flag) => flag === 'dc' || flag === 'wf'),
      `${flags}`,
    ).to.equal(true);
    expect(lockedKb).to.be.at.least(4);
    expect(path.includes('secretmem')).to.equal(secretKeeping() === 'memfd_secret');
  });

  it('is shown to nobody, root neither, where memfd_secret has it', function () {
    skipWithout('memfd_secret', this, secretKeeping() === 'memfd_secret');
    const secret = lockedBytes(32).fill(1);
    const memory = fs.openSync('/proc/self/mem', 'r');
    expect(() => fs.readSync(memory, new Uint8Array(32), 0, 32, Number(addressOf(secret)))).to.throw('EIO');
    fs.closeSync(memory);
  });

  for (const length of [1, 16, 32, 40, 64, 65, 4096, MAX_LOCKED_BYTES]) {
    it(`gives ${length} zeroed bytes that are nobody else's`, () => {
      const [one, other] = [lockedBytes(length), lockedBytes(length)];
      expect(one).to.have.length(length);
      expect(one.buffer.byteLength).to.equal(length);
      one.fill(0xff);
      expect(other.every((byte) => byte === 0)).to.equal(true);
      expect(isLocked(one.buffer)).to.equal(true);
    });
  }

  it('is ordinary memory for what is larger, or nothing', () => {
    for (const length of [0, MAX_LOCKED_BYTES + 1]) {
      const bytes = lockedBytes(length);
      expect(bytes).to.have.length(length);
      expect(isLocked(bytes.buffer)).to.equal(false);
    }
  });

  it('is used again, wiped, when nothing refers to it', () => {
    const script = [
      `import {lockedBytes, addressOf} from ${module('arena')};`,
      'const seen = new Set(); let dirty = 0;',
      'for (let round = 0; round < 200; round++) {',
      '  for (let i = 0; i < 64; i++) {',
      '    const bytes = lockedBytes(512); dirty += bytes.some((byte) => byte !== 0) ? 1 : 0;',
      '    seen.add(addressOf(bytes)); bytes.fill(1);',
      '  }',
      '  gc(); await new Promise((done) => setTimeout(done));',
      '}',
      'console.log(JSON.stringify({dirty, few: seen.size < 12800 / 4}));',
    ];
    expect(JSON.parse(run(script, {}, '--expose-gc'))).to.deep.equal({dirty: 0, few: true});
  });

  it('is what all secrets get of a process that keeps them', () => {
    const script = [
      `import {protectSecrets} from ${module('protect')}; import {isLocked} from ${module('arena')};`,
      `import {secretBytes} from ${module('../bytes')}; protectSecrets();`,
      'const small = [0, 1, 32, 16384].map(secretBytes); const large = secretBytes(2 ** 20).fill(1);',
      "const locked = /VmLck:\\s+(\\d+)/.exec((await import('node:fs')).readFileSync('/proc/self/status', 'utf8'))[1];",
      'console.log(JSON.stringify({small: small.map(({buffer}) => isLocked(buffer)), large: locked > 1024}));',
    ];
    expect(JSON.parse(run(script))).to.deep.equal({small: [false, true, true, true], large: true});
  });

  it('can be read by another thread of the process', () => {
    const {shared, bytes} = shareSecret(lockedCopy(Uint8Array.of(1, 2, 3)));
    expect('address' in shared).to.equal(true);
    expect(openShared(structuredClone(shared))).to.deep.equal(Uint8Array.of(1, 2, 3));
    expect(bytes).to.deep.equal(Uint8Array.of(1, 2, 3));
  });

  it('is done without where the limit allows none: the secrets are in ordinary memory', () => {
    const script = [
      `import {lockedBytes, isLocked, secretKeeping} from ${module('arena')};`,
      'const bytes = lockedBytes(32); bytes.fill(1);',
      'console.log(JSON.stringify({keeping: secretKeeping()}));',
    ];
    // Root may lock as much as it likes, unless it has lost the right.
    const as = process.getuid?.() === 0 ? 'setpriv --bounding-set=-ipc_lock' : '';
    const printed = run(script, {shell: 'ulimit -l 0;', as});
    expect(JSON.parse(printed)).to.deep.equal({keeping: 'none'});
  });

  it('is in no core, of which the control has all', function () {
    skipWithout('core files', this);
    const reversed = [...SECRET].reverse().join('');
    const core = (allocate: string): Buffer | undefined => {
      const cwd = temporaryDirectory();
      const script = [
        `import {lockedBytes} from ${module('arena')};`,
        `globalThis.kept = ${allocate}; const made = Buffer.from('${reversed}').reverse();`,
        'kept.set(made); made.fill(0); process.abort();',
      ];
      try {
        try {
          run(script, {shell: 'ulimit -c unlimited;', cwd});
        } catch {} // killed by SIGABRT
        const [file] = fs.readdirSync(cwd);
        return file === undefined ? undefined : fs.readFileSync(join(cwd, file));
      } finally {
        fs.rmSync(cwd, {recursive: true});
      }
    };
    const bytes = SECRET.length;
    expect(core(`new Uint8Array(new ArrayBuffer(${bytes}))`)?.includes(SECRET)).to.equal(true);
    expect(core(`lockedBytes(${bytes})`)?.includes(SECRET)).to.equal(false);
  });
});
