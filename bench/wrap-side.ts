/**
 * The sides of wrap.ts that run in Node. Usage, input and output are those of wrap.c, with the side's name in the place
 * of its first argument. Only ours answers "unwrap", and "rewrap" from the KEK to itself.
 */
import {createCipheriv, createHash, webcrypto} from 'node:crypto';
import {readFileSync} from 'node:fs';
import {createInterface} from 'node:readline';
import {aeskw} from '@noble/ciphers/aes.js';
import {rewrapKeys, unwrapKeys, wrapKey, wrapKeys} from '../src/wrap/index.js';

const [side = '', kekHex = '', file = '', eachBytes] = process.argv.slice(2);
const kek = new Uint8Array(Buffer.from(kekHex, 'hex'));
const plainBytes = Number(eachBytes);
const wrappedBytes = plainBytes + 8;
const plaintexts = new Uint8Array(readFileSync(file));
let wrapped = new Uint8Array();

/** Wraps all keys of `plain` into a new buffer, or into `out`. */
type Wrap = (plain: Uint8Array, count: number, out: Uint8Array) => Uint8Array | Promise<Uint8Array>;

const WRAPS: Readonly<Record<string, Wrap>> = {
  ours: (plain, count) => (count === 1 ? wrapKey(kek, plain) : wrapKeys(kek, plain, plainBytes)),
  node: (plain, count, out) => {
    const [name, iv] = [`id-aes${kek.length * 8}-wrap`, new Uint8Array(8).fill(0xa6)];
    for (let i = 0; i < count; i++) {
      const cipher = createCipheriv(name, kek, iv);
      out.set(cipher.update(keyAt(plain, i)), i * wrappedBytes);
      cipher.final();
    }
    return out;
  },
  noble: (plain, count, out) => {
    for (let i = 0; i < count; i++) out.set(aeskw(kek).encrypt(keyAt(plain, i)), i * wrappedBytes);
    return out;
  },
  webcrypto: async (plain, count, out) => {
    const {subtle} = webcrypto;
    const kekObject = await subtle.importKey('raw', kek, 'AES-KW', false, ['wrapKey']);
    // What it wraps has to be a key object. Only an HMAC key has any length; an AES key ends at 32 bytes.
    const hmac = {name: 'HMAC', hash: 'SHA-256'};
    const wrapOne = async (i: number): Promise<void> => {
      const key = await subtle.importKey('raw', keyAt(plain, i), hmac, true, ['sign']);
      out.set(new Uint8Array(await subtle.wrapKey('raw', key, kekObject, 'AES-KW')), i * wrappedBytes);
    };
    for (let from = 0; from < count; from += 256) {
      await Promise.all(Array.from({length: Math.min(256, count - from)}, (_, i) => wrapOne(from + i)));
    }
    return out;
  },
};

function keyAt(plain: Uint8Array, i: number): Uint8Array<ArrayBuffer> {
  return plain.subarray(i * plainBytes, (i + 1) * plainBytes) as Uint8Array<ArrayBuffer>;
}

const wrap = WRAPS[side];
if (wrap === undefined) throw new Error(`no side ${side}`);
for await (const line of createInterface({input: process.stdin})) {
  const [operation, ...numbers] = line.split(' ');
  const [keys = 0, times = 0] = numbers.map(Number);
  const plain = plaintexts.subarray(0, keys * plainBytes);
  const out = new Uint8Array(keys * wrappedBytes);
  const run: Wrap =
    operation === 'wrap'
      ? wrap
      : operation === 'unwrap'
        ? () => unwrapKeys(kek, wrapped, plainBytes)
        : () => rewrapKeys(kek, kek, wrapped, plainBytes);
  let result: Uint8Array = out;
  const [cpu, start] = [process.cpuUsage(), performance.now()];
  for (let time = 0; time < times; time++) result = await run(plain, keys, out);
  const [{user, system}, wallNs] = [process.cpuUsage(cpu), (performance.now() - start) * 1e6];
  if (operation === 'wrap') wrapped = Uint8Array.from(result);
  const digest = createHash('sha256').update(result).digest('hex');
  console.log(`${(user + system) * 1e3} ${wallNs.toFixed(0)} ${digest}`);
}
