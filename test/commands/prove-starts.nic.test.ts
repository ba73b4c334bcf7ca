/**
 * `--prove` of `dek run`, `dek agent` and `dek apply`, from outside: nothing starts on a wrong DEK. Each verdict on
 * NICs of both import modes, and on several at once.
 */
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {Proof} from '../../src/agent/proof.js';
import type {Settings} from '../../src/virtual/index.js';
import {AgentProcess, DEK, live, NOTHING} from '../support/agent/agent-process.js';
import {type MarkedDek, markedDeks, WRONG, writeMarked} from '../support/manifest/marked-manifest.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {thrownBy} from '../support/process/errors-thrown.js';

const VERDICTS = Object.keys(WRONG);
const WORDS: Readonly<Record<string, string>> = {
  'halves-swapped': 'wrong: key1 and key2 are swapped',
  'halves-reversed': 'wrong: the bytes of each half are reversed',
  'halves-swapped-and-reversed': 'wrong: key1 and key2 are swapped, and the bytes of each reversed',
  'wrong-key': 'wrong: another key',
  'keytag-refused': 'wrong: the NIC refuses the keytag',
};

/** The first manifest with the DEKs of the second behind its own, as a new file. */
function joined(first: string, second: string): string {
  const path = `${first}.joined`;
  const lines = fs.readFileSync(second, 'utf8').split('\n').slice(1);
  fs.writeFileSync(path, fs.readFileSync(first, 'utf8') + lines.join('\n'));
  return path;
}

interface Ran {
  status: number | null;
  stdout: string;
  stderr: string;
}

describe('--prove', () => {
  let device: TestDevice;
  afterEach(() => {
    expect(live(device)).to.deep.equal(NOTHING);
    device.remove();
  });

  function dek(...args: string[]): Ran {
    return device.run(process.execPath, [DEK, ...args]);
  }

  describe('of dek run', () => {
    const run = (manifest: string, ...more: string[]): Ran =>
      dek('run', '--manifest', manifest, ...more, '--', 'echo', 'started');
    beforeEach(async () => {
      device = await testDevice();
    });

    it('starts CMD when all are right', async () => {
      const manifest = await writeMarked(device, markedDeks(['vol-1', 'vol-2']));
      expect(run(manifest, '--prove')).to.deep.include({status: 0, stdout: 'started\n', stderr: ''});
    });

    for (const verdict of VERDICTS) {
      it(`does not on ${verdict}: names it in words, with the next step, and exits with 6`, async () => {
        const manifest = await writeMarked(device, markedDeks(['vol-1', 'vol-2'], [verdict]));
        const {status, stdout, stderr} = run(manifest, '--prove');
        expect([status, stdout]).to.deep.equal([6, '']);
        const words = `${verdict}: ${WORDS[verdict]} (mlx5_0); nothing was changed on mlx5_0`;
        expect(stderr)
          .to.include(`error: ${words}\n`)
          .and.match(/^hint: .+$/m);
        expect(run(manifest)).to.include({status: 0, stdout: 'started\n'});
      });
    }

    it('exits with 7 when one cannot be proven, and with 6 when one is wrong as well', async () => {
      const deks = [{name: 'vol-1'}, {name: 'vol-2', unmarked: true}];
      const {status, stdout, stderr} = run(await writeMarked(device, deks), '--prove');
      expect([status, stdout]).to.deep.equal([7, '']);
      expect(stderr).to.include('vol-2: not provable: it has no check value (DCV)').and.include('--add-dcv');
      const both = await writeMarked(device, [...deks, ...markedDeks([], ['wrong-key'])]);
      expect(run(both, '--prove').status).to.equal(6);
    });

    for (const [what, status, words, settings] of [
      ['a tweak that is taken the other way round', 6, 'tweak is taken in the other byte', {tweak: 'reversed'}],
      ['a tweak that is counted as no other does', 6, 'does not count the tweak as IEEE', {tweak: 'inc64'}],
      ['no way to itself', 7, 'its port is down', {loopback: false, port: 'down'}],
      ['no address', 7, 'its port has no address', {loopback: false, gid: false}],
    ] as readonly [string, number, string, Settings][]) {
      it(`exits with ${status} on a NIC with ${what}`, async () => {
        device.nic.set(settings);
        const ran = run(await writeMarked(device, markedDeks(['vol-1', 'vol-2'])), '--prove');
        expect([ran.status, ran.stdout]).to.deep.equal([status, '']);
        expect(ran.stderr).to.include('vol-1, vol-2: ').and.include(words);
      });
    }

    it('proves a sample: one of few, and another one at another start', async () => {
      const deks = Array.from({length: 8}, (_, i): MarkedDek => ({name: `vol-${i}`}));
      const manifest = await writeMarked(device, [...deks, ...markedDeks([], ['wrong-key'])]);
      const statuses = new Set<number | null>();
      for (let i = 0; i < 60 && statuses.size < 2; i++) statuses.add(run(manifest, '--prove-share', '1%').status);
      expect([...statuses].sort()).to.deep.equal([0, 6]);
    });

    it('takes one of --prove and --prove-share, and a share that is one', async () => {
      const manifest = await writeMarked(device, markedDeks(['vol-1']));
      expect(run(manifest, '--prove', '--prove-share', '1%')).to.include({status: 2, stdout: ''});
      expect(run(manifest, '--prove-share', '1').stderr).to.include('--prove-share expected a percentage such as 1%');
      expect(run(manifest, '--prove-share', '').status).to.equal(2);
    });
  });

  for (const importMode of ['wrapped', 'plaintext'] as const) {
    for (const devices of [1, 2]) {
      describe(`on ${devices} NIC${devices > 1 ? 's' : ''} in ${importMode} import mode`, () => {
        const isPlain = importMode === 'plaintext';
        let kek: string[];
        let names: string[];
        beforeEach(async () => {
          device = await testDevice({devices, settings: {importMode}});
          kek = isPlain ? ['--kek', `file:${device.nic.kekFile}`] : [];
          names = [...device.nic.devices];
        });

        it('dek agent is not ready with a wrong DEK, and holds and proves right ones', async () => {
          const wrong = await writeMarked(device, markedDeks(['vol-1'], VERDICTS), {login: !isPlain});
          const args = [...kek, '--device', names.join(','), '--check-interval', '1'];
          const failed = dek('agent', '--socket', join(device.directory, 's'), '--manifest', wrong, '--prove', ...args);
          expect([failed.status, failed.stdout]).to.deep.equal([6, '']);
          for (const verdict of VERDICTS) expect(failed.stderr).to.include(`${verdict}: ${WORDS[verdict]} (mlx5_0)`);

          const right = await writeMarked(device, markedDeks(['vol-1', 'vol-2']), {login: !isPlain});
          const agent = await AgentProcess.start(device, {
            args: ['--manifest', right, '--prove', ...args],
            fastClock: true,
          });
          try {
            expect((await agent.client.status()).deks).to.include({total: 2, ready: 2, proven: 2, wrong: 0});
            const deks = await agent.client.listDeks();
            expect(deks.map(({proof}) => proof?.verdict)).to.deep.equal(['ok', 'ok']);
            if (devices > 1) expect(Object.keys(deks[0]!.proofs!)).to.deep.equal(names);

            // An apply of this agent proves without being told to, and what was there stays.
            const wrongOnly = await writeMarked(device, markedDeks([], ['wrong-key']), {
              login: !isPlain,
              file: 'wrong',
            });
            const refused = dek('apply', joined(right, wrongOnly), ...kek, '--socket', agent.socket);
            expect(refused.status, refused.stderr).to.equal(6);
            expect((await agent.client.status()).deks).to.include({total: 2, ready: 2, proven: 2});
          } finally {
            await agent.end();
          }
        });

        it('dek prove tells each verdict, on each NIC', async () => {
          const path = await writeMarked(device, markedDeks(['ok'], VERDICTS), {login: !isPlain});
          const agent = await AgentProcess.start(device, {
            args: ['--manifest', path, ...kek, '--device', names.join(',')],
          });
          try {
            const {status, stdout} = dek('prove', '--all', '--json', '--socket', agent.socket);
            expect(status).to.equal(6);
            const proofs = JSON.parse(stdout) as Proof[];
            expect(proofs.map(({name, device, verdict}) => [name, device, verdict])).to.deep.equal(
              names.flatMap((name) => ['ok', ...VERDICTS].map((verdict) => [verdict, name, verdict])),
            );
            expect((await agent.client.status()).deks).to.include({proven: 1, wrong: VERDICTS.length});
          } finally {
            await agent.end();
          }
        });
      });
    }
  }

  describe('of dek apply', () => {
    let agent: AgentProcess;
    beforeEach(async () => {
      device = await testDevice();
      agent = await AgentProcess.start(device, {args: ['--check-interval', '1'], fastClock: true});
    });
    afterEach(() => agent.end());
    const apply = (...args: string[]): Ran => dek('apply', ...args, '--socket', agent.socket);

    it('is all or nothing: with a wrong DEK the agent holds what it held', async () => {
      const right = await writeMarked(device, markedDeks(['vol-1', 'vol-2']));
      expect(apply(right, '--prove')).to.deep.include({status: 0, stderr: ''});
      expect((await agent.client.status()).deks).to.include({total: 2, ready: 2, proven: 2});
      const before = device.nic.show().live.deks;
      const wrong = await writeMarked(device, markedDeks([], ['halves-swapped']), {file: 'wrong'});
      const path = joined(right, wrong);
      const refused = apply(path, '--prove');
      expect(refused.status).to.equal(6);
      expect(refused.stderr).to.include(
        'halves-swapped: wrong: key1 and key2 are swapped (mlx5_0); nothing was changed',
      );
      expect((await agent.client.status()).deks).to.include({total: 2, ready: 2, proven: 2});
      expect(device.nic.show().live.deks).to.equal(before);

      // --keep-going keeps the others, and lists it.
      const kept = apply(path, '--prove', '--keep-going');
      expect(kept.status).to.equal(6);
      expect(kept.stdout).to.equal(
        'applied: 1 to create, 0 to replace, 0 re-wrapped, 0 to destroy, 2 unchanged\nproven: 1 DEK\n' +
          'failed: line 4: halves-swapped: wrong: key1 and key2 are swapped (mlx5_0)\n',
      );
      expect((await agent.client.status()).deks).to.include({total: 2, ready: 2, proven: 2});
    });

    it('proves what was there and was not proven before, and nothing twice', async () => {
      const path = await writeMarked(device, markedDeks(['vol-1', 'vol-2']));
      expect(apply(path).stdout).to.not.include('proven');
      expect(apply(path, '--prove').stdout).to.include('2 unchanged\nproven: 2 DEKs\n');
      expect(apply('--reload', '--prove').stdout).to.not.include('proven');
    });

    it('finds a wrong DEK that was there before, and leaves it', async () => {
      const path = await writeMarked(device, markedDeks(['vol-1'], ['wrong-key']));
      expect(apply(path).status).to.equal(0);
      expect(apply(path, '--prove').status).to.equal(6);
      expect((await agent.client.status()).deks).to.include({total: 2, ready: 2, proven: 1, wrong: 1});
    });

    it('refuses a share that is none, of the library too', async () => {
      const path = await writeMarked(device, markedDeks(['vol-1']));
      for (const prove of [0, -1, 1.01, Number.NaN, '1', null]) {
        const request = {path, kek: undefined, dryRun: false, keepGoing: false, prove: prove as number};
        expect(await thrownBy(() => agent.client.apply(request))).to.include({code: 'BAD_ARGUMENT'});
      }
    });
  });
});
