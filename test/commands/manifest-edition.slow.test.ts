/** What makes a manifest of version 2: upgrade, set, the check values that are missing, and the login in store. */
import fs from 'node:fs';
import {expect} from 'chai';
import {toHex} from '../../src/bytes.js';
import type {ManifestEntry} from '../../src/manifest/index.js';
import {wrapCredential} from '../../src/wrap/credential.js';
import {dcvHints, dekCheckValue} from '../../src/wrap/dcv/dcv.js';
import {unwrapKey, wrapKey} from '../../src/wrap/kw.js';
import {json, KCV, KEK} from '../support/keys/key-files.js';
import {CREDENTIAL, ManifestFiles, OTHER_KCV, OTHER_KEK} from '../support/manifest/manifest-files.js';
import {readAll} from '../support/manifest/manifest-text.js';
import {runDek} from '../support/process/run-dek.js';

const HOSTS = Array.from({length: 100}, (_, i) => ['--host', `${'h'.repeat(60)}${i}`]).flat();

/** A DEK with the marks of its key. */
function marked(entry: ManifestEntry): ManifestEntry {
  const key = unwrapKey(KEK, entry.wrapped);
  const keytagValue = entry.keytag ? {keytagValue: key.slice(-8)} : {};
  return {...entry, dcv: dekCheckValue(key), dcvHints: dcvHints(key), ...keytagValue};
}

describe('manifest of version 2', () => {
  const files = new ManifestFiles();
  const {kek} = files;
  let manifest: string;
  const read = (path = manifest) => readAll(fs.readFileSync(path));
  const lineOf = (n: number): Record<string, unknown> =>
    JSON.parse(fs.readFileSync(manifest, 'utf8').split('\n')[n - 1]!);
  const editLine = (n: number, change: (line: Record<string, unknown>) => object): void => {
    const lines = fs.readFileSync(manifest, 'utf8').split('\n');
    lines[n - 1] = JSON.stringify(change(JSON.parse(lines[n - 1]!)));
    fs.writeFileSync(manifest, lines.join('\n'));
  };

  describe('made of one of version 1', () => {
    const make = (): Promise<string> => files.make('old', 3, '--manifest-version', '1');

    it('by upgrade, with all marks and the same wrapped keys', async () => {
      manifest = await make();
      const before = await read();
      expect(before.header.edition).to.equal(undefined);
      expect(before.deks[0]).to.not.have.any.keys('dcv', 'dcvHints', 'keytagValue');
      const {status, stderr} = await runDek(['manifest', 'upgrade', manifest, '--kek', kek]);
      const after = await read();
      const {id, issued} = after.header.edition!;
      expect([status, stderr]).to.deep.equal([
        0,
        `upgraded 3 DEKs: generation 1 of manifest ${toHex(id)}, issued ${issued}: ${manifest}\n`,
      ]);
      expect(after.deks).to.deep.equal(before.deks.map(marked));
      expect(after.header).to.deep.include({...before.header});
      const again = await runDek(['manifest', 'upgrade', manifest, '--kek', kek]);
      expect([again.status, again.stderr.split('\n')[0]]).to.deep.equal([
        2,
        `error: ${manifest} is of version 2 already`,
      ]);
    });

    it('by upgrade into another file, with --json, and not under another KEK', async () => {
      manifest = await make();
      const before = fs.readFileSync(manifest);
      const output = files.path('upgraded');
      const result = await runDek(['manifest', 'upgrade', manifest, '--kek', kek, '-o', output, '--force', '--json']);
      const {edition, ...rest} = json(result) as {edition: {generation: number}};
      expect([edition.generation, rest]).to.deep.equal([1, {deks: 3, output}]);
      const wrong = await runDek(['manifest', 'upgrade', manifest, '--kek', files.otherKek]);
      expect(wrong.status).to.equal(6);
      expect(fs.readFileSync(manifest)).to.deep.equal(before);
    });

    it('stays of version 1 when DEKs are added, and when it is re-wrapped', async () => {
      manifest = await make();
      await runDek(['keygen', '--manifest', manifest, '--name', 'more', '--kek', kek]);
      await runDek(['rewrap', manifest, '--from', kek, '--to', files.otherKek]);
      const {header, deks} = await read();
      expect(header).to.not.have.property('edition');
      expect(deks.map(({name, dcv}) => [name, dcv])).to.deep.equal(
        ['vol-1', 'vol-2', 'vol-3', 'more'].map((name) => [name, undefined]),
      );
    });
  });

  describe('with check values', () => {
    beforeEach(async () => {
      manifest = await files.make('manifest', 3);
    });
    const check = (...args: string[]) => runDek(['manifest', 'check', manifest, ...args]);
    const bare = (line: Record<string, unknown>) => ({...line, dcv: undefined, dcvHints: undefined});

    it('gets those that are missing by check --add-dcv, once', async () => {
      const whole = await read();
      editLine(3, bare);
      editLine(4, (line) => ({...line, keytagValue: undefined}));
      const told = await check();
      expect([told.status, told.stderr]).to.deep.equal([
        0,
        '2 DEKs without a check value (DCV): --kek SOURCE --add-dcv adds it\n',
      ]);
      const {status, stdout} = await check('--kek', kek, '--add-dcv');
      expect([status, stdout.toString().split('\n')[1]]).to.deep.equal([
        0,
        'added the check values (DCVs) that were missing: of 2 DEKs',
      ]);
      const after = await read();
      expect(after.deks).to.deep.equal(whole.deks);
      expect(after.header.edition!.generation).to.equal(2);
      expect((await check('--kek', kek, '--add-dcv')).status).to.equal(0);
      expect((await read()).header.edition!.generation).to.equal(2);
    });

    it('is compared with each key by check --kek', async () => {
      const [key1, key2] = [new Uint8Array(32).fill(1), new Uint8Array(32).fill(2)];
      const tag = new Uint8Array(8).fill(3);
      const wrapped = (...parts: Uint8Array[]) => Buffer.from(wrapKey(KEK, Buffer.concat(parts))).toString('base64');
      const right = Buffer.concat([key1, key2, tag]);
      const marks = {dcv: toHex(dekCheckValue(right)), dcvHints: toHex(dcvHints(right)), keytagValue: toHex(tag)};
      const cases: [object, string][] = [
        [
          {...marks, wrapped: wrapped(key2, key1, tag)},
          'dcv: the key is not the one with this DCV: key1 and key2 are swapped',
        ],
        [
          {...marks, wrapped: wrapped(key1, tag, tag, tag, tag, tag)},
          'dcv: the key is not the one with this DCV, and no other arrangement of it is',
        ],
        [{...marks, dcvHints: '000000000000', wrapped: wrapped(right)}, 'dcvHints: not the hints of this key'],
        [{...marks, keytagValue: '00'.repeat(8), wrapped: wrapped(right)}, 'keytagValue: not the keytag of this key'],
      ];
      for (const [changes, message] of cases) {
        editLine(3, (line) => ({...line, ...changes}));
        const {status, stdout} = await check('--kek', kek);
        expect([status, stdout.toString().split('\n')[0]]).to.deep.equal([6, `line 3: ${message}`]);
        const before = fs.readFileSync(manifest);
        expect((await check('--kek', kek, '--add-dcv')).status).to.equal(6);
        expect(fs.readFileSync(manifest)).to.deep.equal(before);
      }
      editLine(3, (line) => ({...line, ...marks, wrapped: wrapped(right)}));
      expect((await check('--kek', kek)).status).to.equal(0);
    });

    it('keeps them when it is re-wrapped, and gets those that are missing', async () => {
      const whole = await read();
      editLine(2, bare);
      expect((await runDek(['rewrap', manifest, '--from', kek, '--to', files.otherKek])).status).to.equal(0);
      const after = await read();
      const known = ({name, dcv, dcvHints: hints, keytagValue}: ManifestEntry) => ({name, dcv, hints, keytagValue});
      expect(after.deks.map(known)).to.deep.equal(whole.deks.map(known));
      expect(after.header.edition).to.deep.include({id: whole.header.edition!.id, generation: 2});
    });

    it('is refused for a manifest of version 1, with the next step', async () => {
      manifest = await files.make('old', 1, '--manifest-version', '1');
      const {status, stderr} = await check('--kek', kek, '--add-dcv');
      expect([status, stderr.split('\n')]).to.deep.equal([
        2,
        [
          `error: ${manifest} is of version 1, which has no check values (DCVs)`,
          'hint: dek manifest upgrade makes version 2 of it, with check values',
          '',
        ],
      ]);
    });
  });

  describe('set', () => {
    beforeEach(async () => {
      manifest = await files.make('manifest', 3);
    });
    const set = (...args: string[]) => runDek(['manifest', 'set', manifest, ...args]);
    const next = files.write('next.wrapped', wrapCredential(OTHER_KEK, CREDENTIAL));
    const nextLogin = ['--next-login', next, '--import-kek-id', '0x21', '--credential-id', '0x11'];

    it('gives it hosts, an end and a next login, and takes them away', async () => {
      const before = await read();
      const {status, stdout} = await set('--host', 'a', '--host', 'b', '--not-after', '2027-06-30', '--json');
      expect([status, JSON.parse(stdout.toString()).edition.hosts]).to.deep.equal([0, ['a', 'b']]);
      expect((await set(...nextLogin, '--kcv', OTHER_KCV)).status).to.equal(0);
      const after = await read();
      expect(after.deks).to.deep.equal(before.deks);
      expect(after.header.edition).to.deep.include({
        generation: 3,
        hosts: ['a', 'b'],
        notAfter: '2027-06-30T23:59:59Z',
      });
      expect(lineOf(1)['nextLogin']).to.deep.equal({
        importKekId: 0x21,
        importKekKcv: OTHER_KCV,
        credentialId: 0x11,
        wrappedCredential: fs.readFileSync(next).toString('base64'),
      });
      expect((await set('--any-host', '--no-not-after', '--no-next-login')).status).to.equal(0);
      expect((await read()).header.edition).to.deep.include({
        generation: 4,
        hosts: [],
        notAfter: null,
        nextLogin: null,
      });
    });

    it('takes DEKs out', async () => {
      const {status, stderr} = await set('--remove', 'vol-1', '--remove', 'vol-3');
      expect(status).to.equal(0);
      expect(stderr).to.match(/^wrote 1 DEK, generation 2 of manifest [0-9a-f]{32}, issued [^ ]+: /);
      expect((await read()).deks.map(({name}) => name)).to.deep.equal(['vol-2']);
    });

    it('puts the login in store in force when it is re-wrapped under that KEK', async () => {
      await set(...nextLogin, '--kcv', OTHER_KCV);
      expect((await runDek(['rewrap', manifest, '--from', kek, '--to', files.otherKek])).status).to.equal(0);
      const {header} = await read();
      const credential = new Uint8Array(fs.readFileSync(next));
      expect(header.login).to.deep.equal({importKekId: 0x21, credentialId: 0x11, credential});
      expect([toHex(header.importKekKcv!), header.edition!.nextLogin]).to.deep.equal([OTHER_KCV, null]);
      expect((await runDek(['manifest', 'check', manifest, '--kek', files.otherKek])).status).to.equal(0);
    });

    it('keeps a login in store for another KEK, and refuses one that this KEK did not wrap', async () => {
      await set(...nextLogin, '--kcv', KCV);
      expect((await runDek(['rewrap', manifest, '--from', kek, '--to', files.otherKek])).status).to.equal(0);
      expect((await read()).header.edition!.nextLogin).to.not.equal(null);
      // Back to the first KEK: the credential in store is said to be wrapped by it, and is not.
      const {status, stderr} = await runDek(['rewrap', manifest, '--from', files.otherKek, '--to', kek]);
      expect([status, stderr.split('\n')[0]]).to.deep.equal([
        6,
        'error: line 1: nextLogin.wrappedCredential: integrity check failed',
      ]);
    });

    for (const [title, args, status, message] of [
      ['nothing to change', [], 2, 'say what to change'],
      ['a name that is not there', ['--remove', 'vol-1', '--remove', 'vol-9'], 3, 'MANIFEST has no DEK named "vol-9"'],
      ['a host that is none', ['--host', 'a/b'], 2, '--host expected the name of a host, got "a/b"'],
      ['a host twice', ['--host', 'a', '--host', 'a'], 2, '--host names a host twice'],
      ['a date that is none', ['--not-after', '30.6.2027'], 2, '--not-after expected a date, got "30.6.2027"'],
      ['a day that there is not', ['--not-after', '2027-02-29'], 2, '--not-after expected a date, got "2027-02-29"'],
      ['half a login', ['--next-login', next], 2, '--next-login requires --import-kek-id, --credential-id'],
      [
        'more hosts than a line has room for',
        HOSTS,
        2,
        /^line 1: would have \d+ bytes, and no line has more than 4096$/,
      ],
    ] as [string, string[], number, string | RegExp][]) {
      it(`refuses ${title}, and the manifest stays`, async () => {
        const before = fs.readFileSync(manifest);
        const result = await set(...args);
        expect(result.status).to.equal(status);
        const first = result.stderr.split('\n')[0]!.replace('error: ', '').replace(manifest, 'MANIFEST');
        if (typeof message === 'string') expect(first).to.equal(message);
        else expect(first).to.match(message);
        expect(fs.readFileSync(manifest)).to.deep.equal(before);
      });
    }

    it('changes of version 1 what it has, and refuses the rest with the next step', async () => {
      manifest = await files.make('old', 2, '--manifest-version', '1');
      const {status, stderr} = await set('--host', 'a');
      expect([status, stderr]).to.deep.equal([
        2,
        `error: ${manifest} is of version 1, whose header has no hosts, no end and no next login\n` +
          `hint: dek manifest upgrade ${manifest} --kek SOURCE\n`,
      ]);
      expect((await set('--remove', 'vol-1')).status).to.equal(0);
      const {header, deks} = await read();
      expect([header.edition, deks.map(({name}) => name)]).to.deep.equal([undefined, ['vol-2']]);
    });
  });
});
