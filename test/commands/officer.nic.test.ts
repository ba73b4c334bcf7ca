/** The officer's commands from outside: what they do, and each refusal as one clear error that changes nothing. */
import fs from 'node:fs';
import {expect} from 'chai';
import {wrapKey} from '../../src/wrap/index.js';
import {Card} from '../support/nic/officer.js';
import {DEK, run} from '../support/process/run-dek.js';

interface Listed {
  keys: {id: number; state: string; bytes?: number; role?: string}[];
}

describe('dek officer', () => {
  let card: Card;

  afterEach(() => card.remove());

  /** The error alone: its first line, and how it ends. */
  const refused = async (...args: string[]): Promise<[number | null, string]> => {
    const {status, stderr} = await card.dek(...args);
    return [status, stderr.split('\n')[0]!];
  };
  const keks = (device?: string) => card.device.nic.show(device).importKeks;

  describe('on a card in commissioning', () => {
    beforeEach(async () => {
      card = await Card.make({commissioning: true, devices: 2});
    });
    const first = (): string[] => ['--kek', card.kek, '--credential', `file:${card.device.nic.credentialFile}`];

    it('status tells its state, what it takes wrapped, its room and the way of each function', async () => {
      const reports = await card.json<Record<string, unknown>[]>('officer', 'status');
      expect(reports).to.have.lengthOf(2);
      for (const report of reports) {
        expect(report).to.deep.include({
          importMode: 'wrapped',
          state: 'commissioning',
          way: 'fwctl',
          closedWays: [],
          keks: null,
        });
        expect(report['caps']).to.deep.include({wrappedImport: ['AES-XTS'], room: {kek: 64, credential: 64}});
      }
    });

    it('operational does every function, once, and says of one that was before', async () => {
      const {functions} = await card.json<{functions: unknown}>('officer', 'operational', ...first(), '--yes');
      expect(functions).to.deep.equal([
        {device: 'mlx5_0', outcome: 'done'},
        {device: 'mlx5_1', outcome: 'done'},
      ]);
      const again = await card.json<{functions: {outcome: string}[]}>('officer', 'operational', ...first(), '--yes');
      expect(again.functions.map(({outcome}) => outcome)).to.deep.equal(['already', 'already']);
      expect(keks('mlx5_1')).to.deep.equal(keks());
      expect(keks()[0]!.id).to.equal(0);
    });

    it('operational says which functions are left, and which the NIC refused', async () => {
      const only = ['--device', 'mlx5_1', '--only', '--yes'];
      const left = await card.json<{functions: unknown}>('officer', 'operational', ...first(), ...only);
      expect(left.functions).to.deep.equal([
        {device: 'mlx5_1', outcome: 'done'},
        {device: 'mlx5_0', outcome: 'left'},
      ]);
      card.device.nic.set({faults: [{command: 'access', status: 1, syndrome: 0x77, times: 'always'}]}, 'mlx5_0');
      const {status, out} = await card.dek('officer', 'operational', ...first(), '--yes');
      expect(status).to.equal(4);
      expect(out).to.contain('mlx5_1: was operational already');
      expect(out).to.contain("mlx5_0: left as it is: no way to the officer's registers").and.contain('0x00000077');
      card.device.nic.set({faults: []}, 'mlx5_0');
      card.device.nic.set({faults: [{command: 'access', status: 1, times: 'always'}]});
      const [none, error] = await refused('officer', 'operational', ...first(), '--yes');
      expect([none, error.slice(0, 57)]).to.deep.equal([
        4,
        "error: no way to the officer's registers of mlx5_0: fwctl",
      ]);
    });

    it('operational asks at the terminal, and does nothing without an answer', async () => {
      const [status, error] = await refused('officer', 'operational', ...first());
      expect([status, error]).to.deep.equal([2, 'error: this has to be confirmed, and there is no terminal to ask at']);
      expect(card.device.nic.show().state).to.equal('commissioning');
    });

    for (const [answer, state] of [
      ['no', 'commissioning'],
      ['yes', 'operational'],
    ] as const) {
      it(`the answer ${answer} leaves it ${state}`, async () => {
        const words = [process.execPath, DEK, 'officer', 'operational', ...first()].map((word) => `'${word}'`);
        const env = card.device.nic.environment() as Record<string, string>;
        const script = ['--quiet', '--return', '--command', words.join(' '), '/dev/null'];
        const {stdout} = await run('script', script, {env, input: `${answer}\n`});
        expect(stdout.toString()).to.contain('cannot be undone without a token from NVIDIA');
        expect(card.device.nic.show().state).to.equal(state);
      });
    }

    it('warns of the keys of public documents', async () => {
      const kek = card.secret('zeros', 16, new Uint8Array(16)).source;
      const bytes = Buffer.alloc(40);
      bytes[0] = bytes[4] = 0x10;
      const credential = card.secret('example', 40, bytes).source;
      const {status, stderr} = await card.dek(
        'officer',
        'operational',
        '--kek',
        kek,
        '--credential',
        credential,
        '--plan',
      );
      expect(status).to.equal(0);
      expect(stderr).to.contain('all zeros').and.contain('one of public documents');
    });

    it('--plan writes nothing, and shows the KEK as its KCV and the credential as its length', async () => {
      const {out, status} = await card.dek('officer', 'operational', ...first(), '--plan');
      expect(status).to.equal(0);
      const kcv = await card.json<{kcv: string}>('kek', 'show', card.kek);
      expect(out).to.contain('CRYPTO_OPERATIONAL (0xc002)').and.contain(`the KEK with KCV ${kcv.kcv}`);
      expect(out).to.contain('credential[0..9] = 40 bytes, the credential');
      expect(out).to.contain(Buffer.from(card.device.wrappedCredential).toString('hex'));
      expect(card.device.nic.show().state).to.equal('commissioning');
    });

    it('a login of an officer is refused by its state', async () => {
      const [status, error] = await refused('officer', 'kek', 'list', ...card.officer(), '--device', 'mlx5_0');
      expect([status, error]).to.deep.equal([7, 'error: mlx5_0 is in commissioning, and has no KEKs and credentials']);
    });
  });

  describe('on a card that is operational', () => {
    beforeEach(async () => {
      card = await Card.make({devices: 2});
    });
    const add = (source: string, ...more: string[]) => [
      'officer',
      'kek',
      'add',
      source,
      '--kek',
      card.kek,
      ...card.officer(),
      ...more,
    ];
    const one = ['--device', 'mlx5_0'];

    it('adds, lists and deletes KEKs and credentials', async () => {
      const small = await card.json<{added: {id: number}[]}>(...add(card.secret('kek-2', 16).source, ...one));
      expect(small.added).to.deep.equal([{device: 'mlx5_0', id: 1}]);
      const secret = card.secret('host', 40).source;
      const login = [...card.officer(), ...one];
      const added = await card.json<{added: unknown}>(
        ...['officer', 'credential', 'add', secret, '--role', 'user', '--kek', card.kek, ...login],
      );
      expect(added.added).to.deep.equal([{device: 'mlx5_0', id: 1}]);
      const [list] = await card.json<Listed[]>('officer', 'kek', 'list', ...login);
      expect(list!.keys).to.deep.equal([
        {id: 1, state: 'READY', bytes: 16},
        {id: card.device.kekId, state: 'READY', bytes: 32},
      ]);
      const [credentials] = await card.json<Listed[]>('officer', 'credential', 'list', ...login);
      expect(credentials!.keys.map(({id, role}) => [id, role])).to.deep.equal([
        [1, 'user'],
        [card.device.credentialId, 'officer'],
      ]);
      expect((await card.dek('officer', 'kek', 'delete', '1', ...login)).status).to.equal(0);
      expect((await card.dek('officer', 'credential', 'delete', '1', ...login)).status).to.equal(0);
      expect(keks()).to.have.lengthOf(1);
      expect(card.device.nic.show().credentials).to.have.lengthOf(1);
    });

    it('--all-ports takes back what the others have when one refuses', async () => {
      const all = '--all-ports';
      expect((await card.dek(...add(card.secret('kek-2', 32).source, all))).status).to.equal(0);
      expect(keks('mlx5_1')).to.have.lengthOf(2);
      card.device.nic.set({revokeKeks: [1]}, 'mlx5_1');
      for (let i = 1; i < 64; i++) card.device.nic.set({keks: [{id: 100 + i, secret: new Uint8Array(16)}]}, 'mlx5_1');
      const [status, error] = await refused(...add(card.secret('kek-3', 32).source, all));
      expect(status).to.equal(4);
      expect(error).to.match(/^error: mlx5_1 refused the import KEK \(LIM_ERR|^error: mlx5_1 has no room/);
      expect(keks('mlx5_0')).to.have.lengthOf(2);
    });

    it('a full table', async () => {
      for (let i = 1; i < 64; i++) card.device.nic.set({keks: [{id: i, secret: new Uint8Array(16)}]}, 'mlx5_0');
      expect(await refused(...add(card.secret('kek-2', 32).source, ...one))).to.deep.equal([
        4,
        'error: mlx5_0 has no room for another import KEK: it has 64',
      ]);
    });

    it('a login that is a user’s', async () => {
      const user = card.secret('user', 40);
      const login = [...card.officer(), ...one];
      await card.json('officer', 'credential', 'add', user.source, '--role', 'user', '--kek', card.kek, ...login);
      const wrapped = card.file('user.wrapped', wrapKey(card.device.kek, user.content));
      const as = ['--credential', wrapped, '--credential-id', '1', '--import-kek-id', `${card.device.kekId}`, ...one];
      const [status, error] = await refused('officer', 'kek', 'list', ...as);
      expect(status).to.equal(4);
      expect(error).to.match(/^error: credential 0x1 is no officer's \(BAD_RES_STATE \(0x9\), syndrome 0x[0-9a-f]+\)$/);
    });

    it('a login that is none', async () => {
      const wrong = card.officer(wrapKey(card.device.kek, new Uint8Array(40)));
      const [status, error] = await refused('officer', 'kek', 'list', ...wrong, ...one);
      expect(status).to.equal(4);
      expect(error).to.match(/^error: mlx5_0 refused the officer's login \(BAD_PARAM \(0x3\), syndrome 0x[0-9a-f]+\)$/);
    });

    it('an unknown id', async () => {
      const [status, error] = await refused('officer', 'kek', 'delete', '9', ...card.officer(), ...one);
      expect([status, error]).to.deep.equal([3, 'error: there is no import KEK 0x9 on mlx5_0']);
    });

    it('what the login itself names', async () => {
      const id = `${card.device.kekId}`;
      const [status, error] = await refused('officer', 'kek', 'delete', id, ...card.officer(), ...one);
      expect(status).to.equal(5);
      expect(error).to.contain('is what this officer logs in with');
      expect(keks()).to.have.lengthOf(1);
    });

    it('a KEK that a manifest names', async () => {
      const manifest = `${card.directory}/fleet.manifest`;
      await card.json(...add(card.secret('kek-2', 32).source, ...one));
      const wrapped = card.file(
        'next.wrapped',
        wrapKey(fs.readFileSync(`${card.directory}/kek-2`), card.device.credential),
      );
      const keygen = [
        'keygen',
        '--count',
        '2',
        '--name',
        'vol-%d',
        '--size',
        '256',
        '--kek',
        `file:${card.directory}/kek-2`,
      ];
      const header = [
        '--import-kek-id',
        '1',
        '--credential-id',
        `${card.device.credentialId}`,
        '--credential',
        wrapped,
      ];
      await card.json(...keygen, ...header, '--output', manifest);
      const remove = ['officer', 'kek', 'delete', '1', ...card.officer(), ...one];
      const [status, error] = await refused(...remove, '--manifest', manifest);
      expect(status).to.equal(5);
      expect(error)
        .to.contain('import KEK 0x1 is still in use')
        .and.contain(`${manifest}, generation 1: wrapped by it`);
      expect((await card.dek(...remove, '--manifest', card.directory)).status).to.equal(5);
      fs.mkdirSync(`${card.directory}/links`);
      fs.symlinkSync(manifest, `${card.directory}/links/now`);
      expect((await card.dek(...remove, '--manifest', `${card.directory}/links`)).status).to.equal(5);
      expect((await card.dek(...remove, '--manifest', manifest, '--force')).status).to.equal(0);
    });

    it('a KEK and a credential of two different wraps', async () => {
      const other = card.secret('other', 32);
      const args = ['officer', 'kek', 'add', card.secret('kek-2', 32).source, '--kek', other.source];
      const [status] = await refused(...args, ...card.officer(), ...one);
      expect(status).to.equal(6);
      const wrapped = card.file('wrong', wrapKey(other.content, new Uint8Array(32)));
      const [refusal, error] = await refused('officer', 'kek', 'add', wrapped, '--wrapped', ...card.officer(), ...one);
      expect(refusal).to.equal(4);
      expect(error).to.match(/^error: mlx5_0 refused the import KEK \(BAD_PARAM \(0x3\), syndrome 0x[0-9a-f]+\)$/);
      expect(keks()).to.have.lengthOf(1);
    });

    it('a check value of a KEK that came wrapped, which cannot be checked', async () => {
      const wrapped = card.file('wrapped', new Uint8Array(40));
      const args = ['officer', 'kek', 'add', wrapped, '--wrapped', '--kcv', '0011223344', ...card.officer(), ...one];
      const [status, error] = await refused(...args);
      expect(status).to.equal(2);
      expect(error).to.equal('error: --kcv and --wrapped exclude each other');
    });

    it('a KEK that came wrapped', async () => {
      const wrapped = card.file('right', wrapKey(card.device.kek, new Uint8Array(32).fill(7)));
      const {kekKcv} = await card.json<{kekKcv: null}>(
        ...['officer', 'kek', 'add', wrapped, '--wrapped', ...card.officer(), ...one],
      );
      expect(kekKcv).to.equal(null);
      expect(keks()).to.have.lengthOf(2);
    });

    it('no fwctl, and a firmware that lets no user of DEVX there; then one that does', async () => {
      card.device.nic.set({fwctl: false});
      const list = ['officer', 'kek', 'list', ...card.officer(), ...one];
      const {status, stderr} = await card.dek(...list);
      expect(status).to.equal(4);
      expect(stderr).to.contain('fwctl: the kernel has no fwctl for 0000:3b:00.0; DEVX: the firmware does not let it');
      expect(stderr).to.contain('modprobe mlx5_fwctl');
      const [report] = await card.json<Record<string, unknown>[]>('officer', 'status', 'mlx5_0');
      expect(report).to.deep.include({state: 'operational', way: null, caps: null});
      card.device.nic.set({devxRegisters: true});
      expect((await card.dek(...list)).status).to.equal(0);
    });

    it('a kernel that is too old for fwctl', async () => {
      card.device.nic.set({fwctl: false});
      const env = card.device.nic.environment() as Record<string, string>;
      const words = ['--uname-2.6', process.execPath, DEK, 'officer', 'status', 'mlx5_0'];
      const {stdout} = await run('setarch', words, {env});
      expect(stdout.toString()).to.match(/this kernel is 2\.6\.\S+, and fwctl came with Linux 6\.15/);
    });

    it('no permission', async () => {
      card.device.nic.set({openErrno: 13});
      const {status, stderr} = await card.dek('officer', 'kek', 'list', ...card.officer(), ...one);
      expect(status).to.equal(4);
      expect(stderr).to.contain('fwctl: this user may not open /dev/fwctl/fwctl0').and.contain('run it as root');
    });

    it('a NIC that is busy, and one that is gone', async () => {
      card.device.nic.set({faults: [{command: 'access', status: 6, times: 2}]}, 'mlx5_0');
      expect((await card.dek('officer', 'status', 'mlx5_0')).out).to.contain('RES_BUSY');
      card.device.nic.set({gone: true});
      expect((await card.dek('officer', 'kek', 'list', ...card.officer(), ...one)).status).to.equal(4);
    });
  });
});
