/** Searches the memory of a command for secrets while it works, and what the kernel shows of it to everyone. */
import {spawn} from 'node:child_process';
import {once} from 'node:events';
import fs from 'node:fs';
import {setTimeout as pause} from 'node:timers/promises';
import {unsafe} from '@noble/ciphers/aes.js';
import {until} from '../until.js';
import {type Needle, searchMemory} from './memory.js';
import {DEK} from './run-dek.js';

/** A KEK as a whole, and a part of its AES key schedule that is not part of it. */
export function needlesOfKek(kek: Uint8Array): {kek: Needle; schedule: Needle} {
  const words = unsafe.expandKeyLE(kek);
  const schedule = Buffer.from(words.buffer, words.byteOffset, words.byteLength);
  return {
    kek: {name: 'KEK', bytes: kek},
    schedule: {name: 'key schedule', bytes: schedule.subarray(kek.length, 2 * kek.length)},
  };
}

/**
 * Runs `dek ARGS`, a job on what comes on standard input, and feeds it `keys` again and again. Stops it `looks` times,
 * or until all needles were found, and returns the names of those that were found; the command is killed then.
 */
export async function searchDuring(
  args: readonly string[],
  keys: Uint8Array,
  needles: readonly Needle[],
  looks: number,
): Promise<Set<string>> {
  const child = spawn(process.execPath, [DEK, ...args], {stdio: ['pipe', 'pipe', 'ignore']});
  const ended = once(child, 'exit');
  const found = new Set<string>();
  let written = 0;
  child.stdout.on('data', (data: Buffer) => {
    written += data.length;
  });
  child.stdin.on('error', () => {});
  const feed = (): void => {
    while (child.stdin.writable && child.stdin.write(keys));
  };
  child.stdin.on('drain', feed);
  feed();
  try {
    await until(() => written > 0 || child.exitCode !== null);
    for (let look = 0; look < looks && found.size < needles.length; look++) {
      await pause(20);
      child.kill('SIGSTOP');
      await until(() => stateOf(child.pid!) === 'T');
      for (const {needle} of searchMemory(child.pid!, needles)) found.add(needle);
      for (const file of ['cmdline', 'environ']) {
        const text = fs.readFileSync(`/proc/${child.pid}/${file}`);
        for (const {name, bytes} of needles)
          if (text.includes(Buffer.from(bytes))) throw new Error(`${name} is in ${file}`);
      }
      child.kill('SIGCONT');
    }
    return found;
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

function stateOf(pid: number): string | undefined {
  return fs.readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '')[0];
}
