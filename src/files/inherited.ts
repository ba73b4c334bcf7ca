/**
 * The descriptors from 3 on that this process was started with. Node closes them to what it starts, so that they have
 * to be named. It marks them (FD_CLOEXEC) as it does its own, which are told by what they are: proc(5), /proc/PID/fd.
 */
import fs from 'node:fs';

const FIRST_FD = 3;
/** What Node opens before its first line, beside pipes to itself. */
const OF_NODE = /^anon_inode:\[(?:eventpoll|eventfd|io_uring)\]$/;

let noted: readonly number[] | undefined;

/** To be called before this process opens anything: what it opens later is its own. */
export function noteInherited(): void {
  noted ??= findInherited();
}

/** Those that were noted and are open still, in order. */
export function inheritedDescriptors(): readonly number[] {
  return (noted ?? []).filter((fd) => linkOf('self', `${fd}`) !== undefined);
}

function findInherited(): number[] {
  const links = linksOf('self');
  const ofParent = new Set(linksOf(`${process.ppid}`).values());
  // Of a pipe to itself a process has both ends. Such a pipe can be passed on too, as make(1) does: its parent has it
  // then.
  const ends = new Map<string, number>();
  for (const link of links.values()) ends.set(link, (ends.get(link) ?? 0) + 1);
  const isPipeToItself = (link: string): boolean =>
    link.startsWith('pipe:') && ends.get(link)! > 1 && !ofParent.has(link);
  // A service manager may pass on whatever it likes, in these places: sd_listen_fds(3).
  const passed = process.env['LISTEN_PID'] === `${process.pid}` ? Number(process.env['LISTEN_FDS'] ?? 0) : 0;
  // Node listens to it, and has taken the variable that names it out of the environment.
  const channel = (process.channel as {fd?: number} | null | undefined)?.fd;
  const isInherited = ([fd, link]: readonly [number, string]): boolean =>
    fd < FIRST_FD + passed || !(fd === channel || OF_NODE.test(link) || isPipeToItself(link));
  return [...links]
    .filter(([fd]) => fd >= FIRST_FD)
    .filter(isInherited)
    .map(([fd]) => fd)
    .sort((a, b) => a - b);
}

/** What the descriptors of a process lead to; none where that cannot be told. */
function linksOf(pid: string): Map<number, string> {
  const links = new Map<number, string>();
  for (const fd of namesIn(`/proc/${pid}/fd`)) {
    const link = linkOf(pid, fd);
    if (link !== undefined) links.set(Number(fd), link);
  }
  return links;
}

function namesIn(directory: string): string[] {
  try {
    return fs.readdirSync(directory);
  } catch {
    return [];
  }
}

/** Undefined when it is not open: that by which the directory was read is not. */
function linkOf(pid: string, fd: string): string | undefined {
  try {
    return fs.readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return undefined;
  }
}
