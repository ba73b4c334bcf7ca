/**
 * After each command that handles secrets: none of them is left in the memory of its process, neither whole, nor as
 * text, nor in pieces of 8 bytes, which is the unit that key wrap works in. The search comes when the command is done
 * and its process has not ended yet. What it cannot see: registers, and what the kernel keeps (page cache, pipe
 * buffers).
 */
import {createCipheriv, randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {expect} from 'chai';
import {openManifest} from '../../src/manifest/index.js';
import {unwrapDek, wrapDek} from '../../src/wrap/dek-keys.js';
import {wrapKey} from '../../src/wrap/kw.js';
import {describeHits, type Needle, needlesOf} from '../support/process/memory.js';
import {runDek} from '../support/process/run-dek.js';
import {searchAfter} from '../support/process/search-after.js';

const DEK = fileURLToPath(new URL('../../../bin/dek.cjs', import.meta.url));

describe('memory after a command', () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'dek-memory-'));
  const [kekBytes, credentialBytes] = [randomBytes(32), randomBytes(40)];
  const [key1, key2] = [randomBytes(32), randomBytes(32)];
  const plaintext = Buffer.concat([key1, key2]);
  const needles = () => [
    ...needlesOf('kek', kekBytes),
    ...needlesOf('credential', credentialBytes),
    ...needlesOf('plaintext', plaintext),
    ...needlesOf('key2', key2),
  ];

  function file(name: string, bytes: Uint8Array | string): string {
    fs.writeFileSync(join(directory, name), bytes, {mode: 0o600});
    return join(directory, name);
  }

  const kek = `file:${file('kek', kekBytes)}`;
  const kekHex = `file:${file('kek.hex', `${kekBytes.toString('hex')}\n`)}`;
  const kekBase64 = `file:${file('kek.base64', `${kekBytes.toString('base64')}\n`)}`;
  const dek = `file:${file('dek', plaintext)}`;
  const dekHex = `file:${file('dek.hex', `${plaintext.toString('hex')}\n`)}`;
  const credential = `file:${file('credential', credentialBytes)}`;
  const wrapped = file('wrapped', wrapDek(kekBytes, {key1, key2}));
  // Whole but for the IV: an unwrap has the true plaintext in its hands and must let go of it.
  const otherIv = createCipheriv('id-aes256-wrap' as 'aes-256-cbc', kekBytes, Buffer.from('a6a6a6a6a6a6a6a7', 'hex'));
  const altered = file('altered', Buffer.concat([otherIv.update(plaintext), otherIv.final()]));
  const equalKeys = file('equal', wrapKey(kekBytes, Buffer.concat([key1, key1])));

  const sealed = join(directory, 'sealed');
  const sealedAltered = join(directory, 'sealed-altered');
  before(async () => {
    const {stdout} = await runDek(['seal', '-', '--name', 'x', '--with-key', kek], {input: plaintext});
    file('sealed', stdout);
    stdout[stdout.length - 1]! ^= 1; // the tag: what was decrypted by then is whole
    file('sealed-altered', stdout);
  });

  // Enough for threads.
  const many = `file:${file('many', Buffer.alloc(64 * 500_000, plaintext))}`;
  const manyWrapped = file('many-wrapped', Buffer.alloc(72 * 500_000, wrapDek(kekBytes, {key1, key2})));

  after(() => fs.rmSync(directory, {recursive: true}));

  it('finds secrets that a process keeps as bytes and as text', async () => {
    const keep = `const b = require('fs').readFileSync(process.argv[1]); globalThis.kept = [b, b.toString('hex')];`;
    const {hits} = await searchAfter(['-e', keep, join(directory, 'kek')], new Uint8Array(), needles);
    expect(hits.map((hit) => hit.needle)).to.include.members(['kek, bytes 8 to 15', 'kek in hex']);
  });

  const cases: [title: string, args: string[], input: Uint8Array, status: number][] = [
    ['wrap, from files', ['wrap', dek, '--kek', kek], plaintext, 0],
    ['wrap, from files in hex', ['wrap', dekHex, '--kek', kekHex], plaintext, 0],
    ['wrap, DEK from stdin, KEK in base64', ['wrap', '-', '--kek', kekBase64], plaintext, 0],
    ['wrap, KEK from stdin, with --json', ['wrap', dek, '--kek', '-', '--json'], kekBytes, 0],
    ['credential wrap', ['credential', 'wrap', credential, '--kek', kek], plaintext, 0],
    ['unwrap', ['unwrap', wrapped, '--kek', kek], plaintext, 0],
    ['unwrap that fails its integrity check', ['unwrap', altered, '--kek', kek], plaintext, 6],
    ['unwrap of equal keys', ['unwrap', equalKeys, '--kek', kek], plaintext, 8],
    ['seal, data from stdin', ['seal', '-', '--name', 'x', '--with-key', kek], plaintext, 0],
    ['unseal', ['unseal', sealed, '--name', 'x', '--with-key', kek], plaintext, 0],
    ['unseal that fails', ['unseal', sealedAltered, '--name', 'x', '--with-key', kek], plaintext, 6],
    ['unwrap with --reveal', ['unwrap', wrapped, '--kek', kek, '--reveal'], plaintext, 0],
    ['wrap of many, in threads', ['wrap', many, '--size', '256', '--kek', kek], plaintext, 0],
    [
      'unwrap of many, in threads, with --reveal',
      ['unwrap', manyWrapped, '--size', '256', '--kek', kek, '--reveal'],
      plaintext,
      0,
    ],
    [
      'unwrap with --reveal into a file in hex',
      ['unwrap', wrapped, '--kek', kek, '--reveal', '-o', join(directory, 'out'), '--format', 'hex'],
      plaintext,
      0,
    ],
  ];

  for (const [title, args, input, status] of cases) {
    it(`holds no secret: ${title}`, async () => {
      const result = await searchAfter([DEK, ...args], input, needles);
      expect(describeHits(result.hits)).to.equal('');
      expect(result.status).to.equal(status);
    });
  }

  it('holds no secret: keygen', async () => {
    const out = join(directory, 'generated');
    const {hits, status} = await searchAfter([DEK, 'keygen', '--kek', kek, '--output', out], new Uint8Array(), () => {
      const dek = unwrapDek(kekBytes, new Uint8Array(fs.readFileSync(out)));
      return [...needles(), ...needlesOf('generated key1', dek.key1), ...needlesOf('generated key2', dek.key2)];
    });
    expect(describeHits(hits)).to.equal('');
    expect(status).to.equal(0);
  });

  describe('with manifests', () => {
    const otherBytes = randomBytes(16);
    const otherKek = `file:${file('other-kek', otherBytes)}`;
    const wrappedCredential = file('credential.wrapped', wrapKey(kekBytes, credentialBytes));
    const manifest = join(directory, 'manifest');
    const header = ['--import-kek-id', '1', '--credential-id', '2', '--credential', wrappedCredential];
    /** Every secret of a manifest under `kekBytes`, and the KEKs. */
    const manifestNeedles = async (): Promise<Needle[]> => {
      const found = [...needles(), ...needlesOf('other KEK', otherBytes)];
      for await (const {name, wrapped} of (await openManifest(manifest)).entries) {
        const {key1, key2} = unwrapDek(kekBytes, wrapped); // a keytag is no secret
        found.push(...needlesOf(`${name} key1`, key1), ...needlesOf(`${name} key2`, key2));
      }
      return found;
    };
    const make = [
      'keygen',
      '--count',
      '4',
      '--name',
      'v%d',
      '--keytag',
      ...header,
      '--kek',
      kek,
      '--output',
      manifest,
      '--force',
    ];
    before(() => runDek(make));

    it('holds no secret: keygen of a manifest', async () => {
      let found: Needle[] = [];
      const {hits, status} = await searchAfter([DEK, ...make], new Uint8Array(), async () => {
        found = await manifestNeedles();
        return found;
      });
      expect(found.length).to.be.greaterThan(4 * (4 + 4));
      expect(describeHits(hits)).to.equal('');
      expect(status).to.equal(0);
    });

    for (const [title, args] of [
      ['wrap into a manifest', ['wrap', dek, '--kek', kek, '--manifest', manifest, '--name', 'given']],
      ['unwrap of a DEK in a manifest', ['unwrap', '--manifest', manifest, '--name', 'v3', '--kek', kek]],
      ['manifest check', ['manifest', 'check', manifest, '--kek', kek]],
      ['rewrap', ['rewrap', manifest, '--from', kek, '--to', otherKek, '--output', join(directory, 'rewrapped')]],
    ] as const) {
      it(`holds no secret: ${title}`, async () => {
        const {hits, status} = await searchAfter([DEK, ...args], new Uint8Array(), manifestNeedles);
        expect(describeHits(hits)).to.equal('');
        expect(status).to.equal(0);
      });
    }
  });
});
