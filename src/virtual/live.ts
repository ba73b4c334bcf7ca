/**
 * What is open on a virtual ConnectX right now. A context is an open file, mlx5_N.ctx/SLOT, and lives as long as any
 * process has a copy of its descriptor, or maps a part of it: the lock on the file tells. Its objects are counted in
 * its table.
 */
import fs from 'node:fs';
import {basename, dirname, join} from 'node:path';
import {isLocked} from '../files/ffi.js';
import {openNow} from '../files/stat.js';
import {
  CONTEXT,
  CONTEXT_HEADER,
  CONTEXT_MAGIC,
  CONTEXT_RECORDS,
  IMAGE,
  KINDS,
  OBJECT,
  OBJECTS,
  SLOT,
  SLOTS,
} from './image-layout.js';
import {slots} from './settings.js';

/** Objects of a context, or of all. */
export interface ObjectCounters {
  /** Protection domains. */
  readonly pds: number;
  /** Login objects and sessions. */
  readonly logins: number;
  /** DEKs. */
  readonly deks: number;
  /** Completion queues. */
  readonly cqs: number;
  /** Queue pairs. */
  readonly qps: number;
  /** Memory regions. */
  readonly mrs: number;
  /** MKeys for crypto. */
  readonly mkeys: number;
}

/** An open context: its objects, and the pids of the processes that have it. */
export interface LiveContext extends ObjectCounters {
  /** Pids. */
  readonly processes: readonly number[];
}

/** Live objects of all contexts together, and of each. `processes` are pids. */
export interface LiveCounters extends ObjectCounters {
  /** Open contexts. */
  readonly contexts: number;
  /** Pids. */
  readonly processes: readonly number[];
  readonly open: readonly LiveContext[];
}

const NONE: ObjectCounters = {pds: 0, logins: 0, deks: 0, cqs: 0, qps: 0, mrs: 0, mkeys: 0};

/** Counts what the contexts in `directory` hold, of the device that `image` is of. */
export function liveCounters(image: Buffer, directory: string): LiveCounters {
  const used = Math.min(image.readUInt32LE(IMAGE.slots_used), SLOTS);
  const era = image.readUInt32LE(IMAGE.era);
  const open = slots(IMAGE.slot, used, SLOT.size)
    .map((at, slot) => ({at, path: join(directory, `${slot}`)}))
    .filter(({at}) => image.readUInt32LE(at + SLOT.used) === 1 && image.readUInt32LE(at + SLOT.era) === era)
    .flatMap(({path}) => {
      const counters = countObjects(path);
      return counters ? [{path, counters}] : [];
    });
  const holders = holdersOf(open.map(({path}) => path));
  const contexts = open.map(({counters}, index) => ({...counters, processes: holders[index]!}));
  const sum = (field: keyof ObjectCounters): number => contexts.reduce((total, context) => total + context[field], 0);
  const totals = Object.fromEntries(Object.keys(NONE).map((field) => [field, sum(field as keyof ObjectCounters)]));
  return {
    contexts: contexts.length,
    ...(totals as unknown as ObjectCounters),
    processes: [...new Set(contexts.flatMap(({processes}) => processes))],
    open: contexts,
  };
}

/** Undefined when no process has the context open any more. */
function countObjects(path: string): ObjectCounters | undefined {
  let fd: number;
  try {
    fd = openNow(path, fs.constants.O_RDONLY);
  } catch {
    return undefined;
  }
  try {
    if (!isLocked(fd)) return undefined;
    const header = Buffer.alloc(CONTEXT.size);
    fs.readSync(fd, header, 0, header.length, CONTEXT_HEADER);
    if (header.toString('latin1', 0, CONTEXT_MAGIC.length) !== CONTEXT_MAGIC) return undefined;
    return countKinds(fd, Math.min(header.readUInt32LE(CONTEXT.count), OBJECTS));
  } finally {
    fs.closeSync(fd);
  }
}

function countKinds(fd: number, count: number): ObjectCounters {
  const counters = {...NONE};
  const records = Buffer.alloc(OBJECT.size * 4096);
  for (let first = 0; first < count; first += 4096) {
    const length = Math.min(count - first, 4096) * OBJECT.size;
    const bytes = fs.readSync(fd, records, 0, length, CONTEXT_RECORDS + first * OBJECT.size);
    for (let at = 0; at < bytes; at += OBJECT.size) {
      const name = KINDS[records[at + OBJECT.kind]!];
      if (name) counters[name] += 1;
    }
  }
  return counters;
}

/** For each file the pids of those that have it: by a descriptor, or, where nobody has one, by a mapping of a UAR. */
function holdersOf(paths: readonly string[]): number[][] {
  const holders = paths.map((): number[] => []);
  if (paths.length === 0) return holders;
  // Not of each file, which may be gone by now: its name is as /proc has it.
  const directory = fs.realpathSync(dirname(paths[0]!));
  const index = new Map(paths.map((path, at) => [join(directory, basename(path)), at]));
  const pids = fs
    .readdirSync('/proc')
    .map(Number)
    .filter((pid) => pid > 0)
    .sort((a, b) => a - b);
  for (const filesOf of [openFiles, mappedFiles]) {
    if (holders.every((held) => held.length > 0)) break;
    const found = new Set(holders.filter((held) => held.length > 0));
    for (const pid of pids) {
      for (const path of filesOf(pid)) {
        const held = holders[index.get(path) ?? -1];
        if (held && !found.has(held) && !held.includes(pid)) held.push(pid);
      }
    }
  }
  return holders;
}

/** The files that a process has open. Of one that may not be looked at, or is gone, none: here and below. */
function openFiles(pid: number): string[] {
  return tryOr([], () =>
    fs.readdirSync(`/proc/${pid}/fd`).flatMap((fd) => tryOr([], () => [fs.readlinkSync(`/proc/${pid}/fd/${fd}`)])),
  );
}

/** The files that a process has mapped privately, as UARs are; the shim maps tables as well, but shared. */
function mappedFiles(pid: number): string[] {
  const maps = tryOr('', () => fs.readFileSync(`/proc/${pid}/maps`, 'utf8'));
  return Array.from(maps.matchAll(/^\S+ ...p \S+ \S+ \S+ +(\/.*)$/gm), ([, path]) => path!);
}

function tryOr<T>(otherwise: T, read: () => T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
