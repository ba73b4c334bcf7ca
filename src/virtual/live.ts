/**
 * Who has a virtual ConnectX open right now, and what they hold. A process that died holds nothing, as on a NIC, whatever
 * the image still says of it. Processes of another PID namespace cannot be told from dead ones.
 */
import fs from 'node:fs';
import {systemCode} from '../errors.js';
import {IMAGE, SLOT, SLOTS} from './image-layout.js';
import {slots} from './settings.js';

/** Live objects. `processes` are pids. */
export interface LiveCounters {
  readonly contexts: number;
  readonly pds: number;
  readonly logins: number;
  readonly deks: number;
  readonly processes: readonly number[];
}

/** Counts the contexts whose owner lives, and what they hold. */
export function liveCounters(image: Buffer): LiveCounters {
  const counters = {contexts: 0, pds: 0, logins: 0, deks: 0};
  const processes = new Set<number>();
  const used = Math.min(image.readUInt32LE(IMAGE.slots_used), SLOTS);
  for (const at of slots(IMAGE.slot, used, SLOT.size)) {
    const pid = image.readUInt32LE(at + SLOT.pid);
    if (pid === 0 || image.readUInt32LE(at + SLOT.era) !== image.readUInt32LE(IMAGE.era)) continue;
    if (processStart(pid) !== image.readBigUInt64LE(at + SLOT.start)) continue;
    if (!isOpen(pid, image.readUInt32LE(at + SLOT.fd))) continue;
    processes.add(pid);
    counters.contexts += 1;
    counters.pds += image.readUInt32LE(at + SLOT.pds);
    counters.logins += image.readUInt32LE(at + SLOT.logins);
    counters.deks += image.readUInt32LE(at + SLOT.deks);
  }
  return {...counters, processes: [...processes]};
}

/** In clock ticks since boot: proc(5), /proc/PID/stat, field 22. Undefined when there is no such process, or a zombie. */
function processStart(pid: number): bigint | undefined {
  try {
    const text = fs.readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' || fields[0] === 'X' ? undefined : BigInt(fields[19]!);
  } catch {
    return undefined;
  }
}

/** A process that called exec or close_range(2) lives on without the device. Where we may not look, it has it open. */
function isOpen(pid: number, fd: number): boolean {
  try {
    return fs.readlinkSync(`/proc/${pid}/fd/${fd}`) === '/dev/zero';
  } catch (error) {
    return systemCode(error) !== 'ENOENT';
  }
}
