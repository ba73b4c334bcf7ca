/** Envelopes: known answers, and everything that can happen to one. */
import {createHash, randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {expect} from 'chai';
import type {ReadOn} from '../../src/custody/source.js';
import {openEnvelope, seal} from '../../src/seal/envelope.js';
import {sealingKeyOf} from '../../src/seal/sealing-key.js';
import {keyCheckValue} from '../../src/wrap/kcv.js';
import {BytesKek} from '../../src/wrap/kek-handle.js';
import {bytes} from '../support/keys/vectors.js';

interface EnvelopeVector {
  id: string;
  key: string;
  blobKey: string;
  name: string;
  notAfter: number;
  dataBytes: number;
  envelope?: string;
  sha256: string;
}

const VECTORS: {vectors: EnvelopeVector[]} = JSON.parse(
  fs.readFileSync(new URL('../../../vectors/envelope.json', import.meta.url), 'utf8'),
);
const CHUNK = 65_536 + 16;
const KEY = randomBytes(32);
const keyOf = (key: Uint8Array) => sealingKeyOf(new BytesKek(key, 'it'));

describe('envelope', () => {
  const directory = fs.mkdtempSync(join(tmpdir(), 'dek-envelope-'));
  const path = join(directory, 'input');

  after(() => fs.rmSync(directory, {recursive: true}));

  /** Calls `use` with a descriptor that gives `content`. */
  async function reading<T>(content: Uint8Array, use: (read: ReadOn) => Promise<T>): Promise<T> {
    fs.writeFileSync(path, content);
    const fd = fs.openSync(path, 'r');
    try {
      return await use(async (piece, offset) => fs.readSync(fd, piece, offset, piece.length - offset, null));
    } finally {
      fs.closeSync(fd);
    }
  }

  async function all(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
    const got: Buffer[] = [];
    for await (const chunk of chunks) got.push(Buffer.from(chunk)); // a copy: they are wiped
    return Buffer.concat(got);
  }

  function sealed(data: Uint8Array, options: {name?: string; notAfter?: number} = {}, key = KEY): Promise<Buffer> {
    return reading(data, (read) => all(seal(read, keyOf(key), {name: 'kek', notAfter: 0, ...options})));
  }

  function unsealed(envelope: Uint8Array, name = 'kek', {key = KEY, now = 0} = {}): Promise<Buffer> {
    return reading(envelope, async (read) =>
      all((await openEnvelope(read, keyOf(key), {name, now, title: 'it'})).data),
    );
  }

  /** The code and the message of what `unsealed` throws. */
  async function refusal(...args: Parameters<typeof unsealed>): Promise<string> {
    try {
      await unsealed(...args);
    } catch (error) {
      const {code, message} = error as Error & {code: string};
      return `${code}: ${message}`;
    }
    return 'none';
  }

  for (const {id, key, blobKey, name, notAfter, dataBytes, envelope, sha256} of VECTORS.vectors) {
    const data = Uint8Array.from({length: dataBytes}, (_, i) => i % 251);

    it(`seals ${id} as python3-cryptography does`, async () => {
      const options = {name, notAfter, blobKey: bytes(blobKey)};
      const made = await reading(data, (read) => all(seal(read, keyOf(bytes(key)), options)));
      if (envelope !== undefined) expect(made.toString('hex')).to.equal(envelope);
      expect(createHash('sha256').update(made).digest('hex')).to.equal(sha256);
      expect(Buffer.compare(await unsealed(made, name, {key: Buffer.from(bytes(key))}), data)).to.equal(0);
    });
  }

  it('has another blob key each time', async () => {
    const [one, other] = [await sealed(KEY), await sealed(KEY)];
    expect(one.subarray(0, 26)).to.deep.equal(other.subarray(0, 26));
    expect(one.subarray(26, 66)).to.not.deep.equal(other.subarray(26, 66));
    expect(one.subarray(66)).to.not.deep.equal(other.subarray(66));
  });

  it('does not open torn at any byte, nor with a byte behind it', async () => {
    const envelope = await sealed(KEY);
    for (let length = 0; length < envelope.length; length++) {
      expect(await refusal(envelope.subarray(0, length)), `${length}`).to.match(/^(BAD_INPUT|UNWRAP_FAILED): /);
    }
    expect(await refusal(Buffer.concat([envelope, Buffer.alloc(1)]))).to.match(/^UNWRAP_FAILED: chunk 1 of it /);
    expect(await unsealed(envelope)).to.deep.equal(KEY);
  });

  it('does not open with any bit altered', async () => {
    const envelope = await sealed(KEY, {notAfter: 4_000_000_000});
    for (let bit = 0; bit < 8 * envelope.length; bit++) {
      const altered = Buffer.from(envelope);
      altered[bit >> 3]! ^= 1 << (bit & 7);
      expect(await refusal(altered), `bit ${bit}`).to.match(/^(BAD_INPUT|UNWRAP_FAILED|WRONG_NAME): /);
    }
  });

  describe('of several chunks', () => {
    const data = randomBytes(3 * 65_536 + 100);
    const HEADER = 23 + 3 + 40;
    const chunksOf = (envelope: Buffer) =>
      [0, 1, 2, 3].map((i) => envelope.subarray(HEADER + i * CHUNK, HEADER + (i + 1) * CHUNK));
    let envelope: Buffer;
    const join = (...order: number[]) =>
      Buffer.concat([envelope.subarray(0, HEADER), ...order.map((i) => chunksOf(envelope)[i]!)]);

    before(async () => {
      envelope = await sealed(data);
    });

    for (const [what, order, message] of [
      ['swapped', [1, 0, 2, 3], /^UNWRAP_FAILED: chunk 1 of it is not what was sealed there$/],
      ['repeated', [0, 1, 1, 2, 3], /^UNWRAP_FAILED: chunk 3 of it is not what was sealed there$/],
      ['missing in the middle', [0, 2, 3], /^UNWRAP_FAILED: chunk 2 of it is not what was sealed there$/],
      ['missing at the start', [1, 2, 3], /^UNWRAP_FAILED: chunk 1 of it is not what was sealed there$/],
      ['missing at the end', [0, 1, 2], /^UNWRAP_FAILED: it ends after chunk 3: the rest of it is missing$/],
      ['all missing', [], /^UNWRAP_FAILED: chunk 1 of it is not what was sealed there$/],
      ['moved in front of the last', [0, 1, 3, 2], /^UNWRAP_FAILED: chunk 3 of it is not what was sealed there$/],
    ] as const) {
      it(`finds chunks that are ${what}`, async () => expect(await refusal(join(...order))).to.match(message));
    }

    it('finds what was added behind the last chunk when that is a whole one', async () => {
      const whole = await sealed(data.subarray(0, 65_536));
      expect(await refusal(Buffer.concat([whole, chunksOf(envelope)[1]!]))).to.equal(
        'UNWRAP_FAILED: it goes on after its last chunk, 1: something was added',
      );
    });

    it('finds a chunk of another envelope with the same name and key', async () => {
      const other = await sealed(randomBytes(data.length));
      const mixed = Buffer.concat([envelope.subarray(0, HEADER + CHUNK), other.subarray(HEADER + CHUNK)]);
      expect(await refusal(mixed)).to.equal('UNWRAP_FAILED: chunk 2 of it is not what was sealed there');
    });

    it('opens when nothing happened to it', async () => {
      expect(Buffer.compare(await unsealed(envelope), data)).to.equal(0);
    });
  });

  it('does not open under another name', async () => {
    expect(await refusal(await sealed(KEY), 'KEK')).to.equal('WRONG_NAME: it was sealed as "kek", not as "KEK"');
  });

  it('does not open as another by a change of its name', async () => {
    const envelope = await sealed(KEY);
    envelope[24] = 'a'.charCodeAt(0);
    expect(await refusal(envelope, 'kak')).to.equal('UNWRAP_FAILED: the header of it was altered');
  });

  it('opens up to its date, and not after it', async () => {
    const envelope = await sealed(KEY, {notAfter: 1_800_000_000});
    expect(await unsealed(envelope, 'kek', {now: 1_800_000_000_000})).to.deep.equal(KEY);
    const late = await refusal(envelope, 'kek', {now: 1_800_000_000_001});
    expect(late).to.equal('EXPIRED: it expired on 2027-01-15T08:00:00Z');
  });

  it('does not open later by a change of its date', async () => {
    const envelope = await sealed(KEY, {notAfter: 1_800_000_000});
    envelope.fill(0, 14, 22);
    expect(await refusal(envelope, 'kek', {now: 1_900_000_000_000})).to.equal(
      'UNWRAP_FAILED: the header of it was altered',
    );
  });

  it('tells which key it was sealed with', async () => {
    const [theirs, ours] = [Buffer.alloc(32), Buffer.alloc(32, 0xff)];
    const envelope = await sealed(KEY, {}, theirs);
    const kcv = (key: Uint8Array) => Buffer.from(keyCheckValue(key)).toString('hex');
    expect(await refusal(envelope, 'kek', {key: ours})).to.equal(
      `UNWRAP_FAILED: it was sealed with the key with KCV ${kcv(theirs)}, not with ${kcv(ours)}`,
    );
  });

  for (const [what, content, message] of [
    ['an empty file', '', 'BAD_INPUT: it is not an envelope of dek seal'],
    ['another file', 'x'.repeat(200), 'BAD_INPUT: it is not an envelope of dek seal'],
    [
      'a later version',
      `dek-seal\x02${'x'.repeat(200)}`,
      'BAD_INPUT: it is an envelope of version 2: this dek reads version 1',
    ],
    [
      'a blob of keyctl_caam',
      Buffer.from(`4f676154010000000b0000002000000050000000${'00'.repeat(80)}`, 'hex'),
      'BAD_INPUT: it is a black blob of keyctl_caam, AES-CCM: a key of 32 bytes in 80 bytes',
    ],
  ] as const) {
    it(`says what it is not: ${what}`, async () => expect(await refusal(Buffer.from(content))).to.equal(message));
  }

  for (const name of ['', 'x'.repeat(256), 'a\nb', '\x7f']) {
    it(`has no name ${JSON.stringify(name.slice(0, 5))}`, async () => {
      const error = await sealed(KEY, {name}).catch((error: unknown) => error);
      expect(error).to.have.property('code', 'BAD_ARGUMENT');
    });
  }
});
