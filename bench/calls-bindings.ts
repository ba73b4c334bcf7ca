/** The bindings' side of calls.ts: the arguments, the loop and the output of calls.c. */
import {createInterface} from 'node:readline';
import {type Dek, openDevice} from '../src/rdma/index.js';

const [credential = '', credentialId, importKekId, key = '', count] = process.argv.slice(2);
const wrapped = new Uint8Array(Buffer.from(key, 'hex'));
const deks = new Array<Dek>(Number(count));

const device = await openDevice();
device.login({
  credential: new Uint8Array(Buffer.from(credential, 'hex')),
  credentialId: Number(credentialId),
  importKekId: Number(importKekId),
});

for await (const _ of createInterface({input: process.stdin})) {
  const start = performance.now();
  for (let i = 0; i < deks.length; i++) deks[i] = device.createDek({wrapped, keySize: 256, keytag: true});
  const created = performance.now();
  for (const dek of deks) if (dek.query().state !== 'READY') throw new Error('not READY');
  const queried = performance.now();
  for (const dek of deks) dek.destroy();
  const destroyed = performance.now();
  const nanoseconds = [created - start, queried - created, destroyed - queried].map((ms) => (ms * 1e6) / deks.length);
  process.stdout.write(`${nanoseconds.map((ns) => ns.toFixed(1)).join(' ')}\n`);
}
device.close();
