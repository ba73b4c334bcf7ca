/**
 * Searches the memory of a running process for secrets, through /proc/PID/maps and /proc/PID/mem: proc(5). The process
 * must be ours; stop it first (SIGSTOP), so that it does not change under the search.
 */
import fs from 'node:fs';

/** What to look for. */
export interface Needle {
  name: string;
  bytes: Uint8Array;
}

/** A line of /proc/PID/maps. */
export interface Mapping {
  start: number;
  end: number;
  /** Such as `rw-p`. */
  permissions: string;
  /** A file, `[heap]`, `[stack]`, or empty for anonymous memory. */
  path: string;
}

export interface Hit {
  needle: string;
  address: number;
  mapping: Mapping;
}

const CHUNK_BYTES = 2 ** 22;

/**
 * What would betray a secret: each piece of 8 bytes that starts at a multiple of 8 (AES key wrap works on such pieces),
 * and its text in hex and base64.
 */
export function needlesOf(name: string, secret: Uint8Array): Needle[] {
  const bytes = Buffer.from(secret);
  const pieces: Needle[] = [];
  for (let i = 0; i + 8 <= bytes.length; i += 8) {
    pieces.push({name: `${name}, bytes ${i} to ${i + 7}`, bytes: bytes.subarray(i, i + 8)});
  }
  return [
    ...pieces,
    {name: `${name} in hex`, bytes: Buffer.from(bytes.toString('hex'))},
    {name: `${name} in capital hex`, bytes: Buffer.from(bytes.toString('hex').toUpperCase())},
    // The last digit and the padding depend on what follows.
    {name: `${name} in base64`, bytes: Buffer.from(bytes.toString('base64').replace(/.?=+$/, ''))},
  ];
}

/** Every place in the memory of process `pid` where a needle stands. `skip` leaves mappings out. */
export function searchMemory(
  pid: number,
  needles: readonly Needle[],
  {skip = () => false}: {skip?: (mapping: Mapping) => boolean} = {},
): Hit[] {
  const longest = Math.max(...needles.map((needle) => needle.bytes.length));
  const memory = fs.openSync(`/proc/${pid}/mem`, 'r');
  const chunk = Buffer.alloc(CHUNK_BYTES);
  const hits: Hit[] = [];
  try {
    for (const mapping of readMappings(pid)) {
      if (!mapping.permissions.startsWith('r') || skip(mapping)) continue;
      // Chunks overlap, so that no needle is cut in two.
      for (let at = mapping.start; at < mapping.end; at += CHUNK_BYTES - longest) {
        const length = readChunk(memory, chunk, at, Math.min(CHUNK_BYTES, mapping.end - at));
        for (const address of find(chunk.subarray(0, length), needles, at)) {
          if (!hits.some((hit) => hit.address === address.address && hit.needle === address.needle)) {
            hits.push({...address, mapping});
          }
        }
      }
    }
  } finally {
    fs.closeSync(memory);
  }
  return hits;
}

/** Hits as lines for the message of a failed test. */
export function describeHits(hits: readonly Hit[]): string {
  return hits
    .map(
      ({needle, address, mapping}) =>
        `${needle} at 0x${address.toString(16)} in ${mapping.path || 'anonymous memory'} (${mapping.permissions})`,
    )
    .join('\n');
}

function readMappings(pid: number): Mapping[] {
  const lines = fs.readFileSync(`/proc/${pid}/maps`, 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const [range = '', permissions = '', , , , ...path] = line.split(/\s+/);
    const [start = 0, end = 0] = range.split('-').map((hex) => Number.parseInt(hex, 16));
    return {start, end, permissions, path: path.join(' ')};
  });
}

/** Returns 0 for memory that the kernel does not let anyone read, such as [vvar] and [vsyscall]. */
function readChunk(memory: number, chunk: Buffer, at: number, length: number): number {
  try {
    return fs.readSync(memory, chunk, 0, length, at);
  } catch {
    return 0;
  }
}

function* find(chunk: Buffer, needles: readonly Needle[], base: number): Generator<{needle: string; address: number}> {
  for (const {name, bytes} of needles) {
    for (let i = chunk.indexOf(bytes); i >= 0; i = chunk.indexOf(bytes, i + 1)) yield {needle: name, address: base + i};
  }
}
