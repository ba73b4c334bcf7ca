/** The bindings' side of calls.ts and concurrent.ts: the arguments, the loop and the output of calls.c. */
import {monitorEventLoopDelay} from 'node:perf_hooks';
import {createInterface} from 'node:readline';
import {type Dek, openDevice} from '../src/rdma/index.js';

const [credential = '', credentialId, importKekId, key = '', count, concurrent] = process.argv.slice(2);
const options = {wrapped: new Uint8Array(Buffer.from(key, 'hex')), keySize: 256, keytag: true} as const;
const total = Number(count);
/** DEKs that are handed in at once. */
const BATCH = 512;

const device = await openDevice();
device.login({
  credential: new Uint8Array(Buffer.from(credential, 'hex')),
  credentialId: Number(credentialId),
  importKekId: Number(importKekId),
});

/** Runs a round, and returns the time when all were created, when all were queried, and when all were destroyed. */
function oneByOne(): number[] {
  const deks = new Array<Dek>(total);
  for (let i = 0; i < deks.length; i++) deks[i] = device.createDek(options);
  const created = performance.now();
  for (const dek of deks) if (dek.query().state !== 'READY') throw new Error('not READY');
  const queried = performance.now();
  for (const dek of deks) dek.destroy();
  return [created, queried, performance.now()];
}

async function manyAtOnce(): Promise<number[]> {
  const deks: Dek[] = [];
  while (deks.length < total) {
    const list = Array.from({length: Math.min(BATCH, total - deks.length)}, () => options);
    for (const dek of (await device.createDeks(list)).deks) {
      if (dek instanceof Error) throw dek;
      deks.push(dek);
    }
  }
  const created = performance.now();
  for (let i = 0; i < total; i += BATCH) {
    const states = await device.queryDeks(deks.slice(i, i + BATCH));
    if (states.some((state) => state !== 'READY')) throw new Error('not READY');
  }
  const queried = performance.now();
  for (let i = 0; i < total; i += BATCH) {
    const errors = await device.destroyDeks(deks.slice(i, i + BATCH));
    if (errors.some((error) => error !== undefined)) throw new Error('not destroyed');
  }
  return [created, queried, performance.now()];
}

const delay = monitorEventLoopDelay({resolution: 1});
for await (const _ of createInterface({input: process.stdin})) {
  const cpu = process.cpuUsage();
  delay.reset();
  delay.enable();
  const start = performance.now();
  const times = concurrent === undefined ? oneByOne() : await manyAtOnce();
  delay.disable();
  const {user, system} = process.cpuUsage(cpu);
  const nanoseconds = times.map((time, i) => ((time - (times[i - 1] ?? start)) * 1e6) / total);
  // Beyond what calls.c prints: CPU time a DEK, and how late the event loop was at worst, both in nanoseconds.
  const more = [((user + system) * 1e3) / total, delay.max];
  process.stdout.write(`${[...nanoseconds, ...more].map((ns) => ns.toFixed(1)).join(' ')}\n`);
}
device.close();
