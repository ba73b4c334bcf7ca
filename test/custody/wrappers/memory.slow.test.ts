/**
 * During a job: KEK and key schedule are in the memory of a process that has the KEK from a file (the control), and of
 * one that uses a token or a KMIP server neither is. The token is SoftHSM2, which runs in the process of the token:
 * only there, in the place of a token's own memory, the KEK is.
 */
import {type ChildProcess, spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {unsafe} from '@noble/ciphers/aes.js';
import {expect} from 'chai';
import {Certificates, PyKmip} from '../../support/keys/kmip.js';
import {TestToken} from '../../support/keys/token.js';
import {type Hit, type Needle, needlesOf, searchMemory} from '../../support/process/memory.js';
import {isProgramText} from '../../support/process/search-after.js';
import {until} from '../../support/until.js';

/** Opens the KEK that its argument names and works until it is killed: wraps, or, where it cannot, has keys made. */
const SCRIPT = `
  import {openKek} from '${new URL('../../../src/custody/kek.js', import.meta.url)}';
  import {randomBytes} from 'node:crypto';
  const kek = await openKek(process.argv[1]);
  const wrap = () => kek.wrap(randomBytes(64 * 20_000), 64);
  const work = kek.name.includes('KMIP') ? () => kek.generate(1, 32) : wrap;
  for (let i = 0; ; i++) {
    await work();
    if (i === 0) console.log('works');
  }
`;
/** How often a process is stopped and searched. */
const SEARCHES = 3;

describe('memory during a job', () => {
  const kek = randomBytes(32);
  const expanded = unsafe.expandKeyLE(kek);
  // The last round key: the first two are the KEK itself.
  const schedule = new Uint8Array(expanded.buffer, expanded.byteOffset + expanded.byteLength - 16, 16);
  const needles: Needle[] = [...needlesOf('KEK', kek), ...needlesOf('schedule', schedule)];
  let token: TestToken;
  let certificates: Certificates;
  let server: PyKmip;

  before(async () => {
    token = new TestToken();
    token.addKey('kek', '01', kek);
    certificates = new Certificates();
    server = await PyKmip.start(certificates);
  });
  after(async () => {
    await server.kill();
    certificates.remove();
    token.remove();
  });

  /** What is found in the memory of a process that works with this KEK, and in what others can see of it. */
  async function search(spec: string): Promise<{hits: Hit[]; seen: string}> {
    const stdio = ['ignore', 'pipe', 'pipe'] as const;
    const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, spec], {stdio: [...stdio]});
    let output = '';
    child.stdout.on('data', (data) => {
      output += data;
    });
    child.stderr.on('data', (data) => {
      output += data;
    });
    try {
      await until(() => output.includes('works') || child.exitCode !== null);
      expect(child.exitCode, output).to.equal(null);
      const hits: Hit[] = [];
      for (let i = 0; i < SEARCHES; i++) {
        await new Promise((resolve) => setTimeout(resolve, 20 + 31 * i));
        hits.push(...(await stoppedAnd(child, () => searchMemory(child.pid!, needles, {skip: isProgramText}))));
      }
      const seen = ['cmdline', 'environ'].map((name) => fs.readFileSync(`/proc/${child.pid}/${name}`, 'latin1'));
      return {hits, seen: output + seen.join('')};
    } finally {
      child.kill('SIGKILL');
    }
  }

  const kinds = (hits: readonly Hit[]) => [...new Set(hits.map(({needle}) => needle.split(/[ ,]/)[0]))].sort();
  const notIn = (seen: string) => {
    for (const form of ['hex', 'base64', 'latin1'] as const) expect(seen).to.not.include(kek.toString(form));
  };

  it('finds KEK and key schedule with file:', async () => {
    const path = join(token.directory, 'kek-file');
    fs.writeFileSync(path, kek, {mode: 0o600});
    const {hits, seen} = await search(`file:${path}`);
    fs.rmSync(path);
    expect(kinds(hits)).to.include('schedule');
    notIn(seen);
  });

  for (const [what, query] of [
    ['one by one', ''],
    ['in lanes', '&x-lanes=aes-ecb'],
  ] as const) {
    it(`finds neither with pkcs11:, ${what}`, async () => {
      const {hits, seen} = await search(token.uri('kek', {query}));
      expect(kinds(hits)).to.deep.equal([]);
      notIn(seen);
    });
  }

  it('finds neither with kmip://', async () => {
    const [id] = server.register([{names: ['kek'], value: kek, masks: ['WRAP_KEY'], active: true}]);
    const {hits, seen} = await search(`kmip://127.0.0.1:${server.port}/${id}${certificates.query()}`);
    expect(kinds(hits)).to.deep.equal([]);
    notIn(seen);
  });
});

/** What `look` finds while the kernel keeps the process stopped. */
async function stoppedAnd<T>(child: ChildProcess, look: () => T): Promise<T> {
  child.kill('SIGSTOP');
  await until(() => /^\d+ \(.*\) T/s.test(fs.readFileSync(`/proc/${child.pid}/stat`, 'utf8')));
  try {
    return look();
  } finally {
    child.kill('SIGCONT');
  }
}
