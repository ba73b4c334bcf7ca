/**
 * A side of memory.ts: secrets in ordinary memory, or locked as in a command. Each line, "first", "single COUNT BYTES"
 * or "columns COUNT BYTES TIMES", is answered with the nanoseconds of CPU time that it took.
 */
import {createInterface} from 'node:readline';
import {secretBytes, wipe} from '../src/bytes.js';
import {protectSecrets} from '../src/memory/protect.js';
import {wrapKeys} from '../src/wrap/bulk.js';

const isLocked = process.argv[2] === 'locked';
const kek = new Uint8Array(32).fill(7);

const ACTIONS: Readonly<Record<string, (...numbers: number[]) => void>> = {
  first: () => {
    if (isLocked) protectSecrets();
    secretBytes(32).fill(1);
  },
  single: (count = 0, bytes = 0) => {
    for (let i = 0; i < count; i++) wipe(secretBytes(bytes).fill(1));
  },
  /** As a job of keygen does with each piece: plaintexts, wrapped, wiped. */
  columns: (keys = 0, bytes = 0, times = 0) => {
    for (let i = 0; i < times; i++) {
      const plaintexts = secretBytes(keys * bytes).fill(i);
      wrapKeys(kek, plaintexts, bytes);
      wipe(plaintexts);
    }
  },
};

for await (const line of createInterface({input: process.stdin})) {
  const [action = '', ...numbers] = line.split(' ');
  const before = process.cpuUsage();
  ACTIONS[action]!(...numbers.map(Number));
  const {user, system} = process.cpuUsage(before);
  console.log(`${(user + system) * 1e3}`);
}
