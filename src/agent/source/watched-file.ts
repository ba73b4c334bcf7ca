/**
 * A manifest that something else puts in its place: a ConfigMap, rsync, a package. The folders in which its name and
 * the links behind it stand are watched, since what takes its place may be a link further up. A file is taken up when
 * it has another inode than the one that was applied, and nothing has changed of it for a while: one that is written in
 * its place is never read, as it could be cut off between two lines.
 */
import fs from 'node:fs';
import {basename, dirname, join, resolve} from 'node:path';
import {statNow} from '../../files/stat.js';
import type {Agent} from '../agent.js';
import type {ManifestSource, OpenAgent} from './manifest-source.js';

/** What changes comes in several steps. */
const QUIET_MS = 300;
/** Where no news comes of a change, as on some mounts. */
const LOOK_MS = 10_000;
/** What was refused is tried again: what was wrong may not have been the file. */
const RETRY_MS = 30_000;
/** A chain of links that is longer is a circle. */
const MAX_LINKS = 16;

/** Tells two files apart, and whether one is still written. */
interface Seen {
  /** Device, inode and its birth: the number of an inode that is gone is given again. */
  readonly identity: string;
  /** Size and time of change. */
  readonly content: string;
}

export class WatchedFile implements ManifestSource {
  readonly host = undefined;
  readonly stateDirectory = undefined;
  readonly #path: string;
  #agent: Agent | undefined;
  #watchers = new Map<string, fs.FSWatcher>();
  #applied: Seen | undefined;
  /** What was there at the last look. */
  #last: Seen | undefined;
  #refused: {identity: string; atMs: number} | undefined;
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> = Promise.resolve();
  #isClosed = false;

  /** An absolute path. */
  constructor(path: string) {
    this.#path = path;
  }

  async start(open: OpenAgent): Promise<Agent> {
    this.#applied = seenAt(this.#path);
    this.#agent = await open(this.#path);
    this.#look();
    return this.#agent;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#running;
  }

  /** Looks now, and again after `LOOK_MS`, or when something has happened and it is quiet again. */
  #look(): void {
    if (this.#isClosed) return;
    this.#watchLinks();
    const now = seenAt(this.#path);
    const wasQuiet = sameContent(now, this.#last);
    this.#last = now;
    const isHeld = now?.identity === this.#applied?.identity;
    if (now && isHeld && !sameContent(now, this.#applied)) this.#tellWritten(now);
    const refused = this.#refused?.identity === now?.identity ? this.#refused : undefined;
    const isRefused = refused !== undefined && performance.now() - refused.atMs < RETRY_MS;
    if (!now || isHeld || isRefused) this.#soon(LOOK_MS);
    else if (!wasQuiet) this.#soon(QUIET_MS);
    else this.#running = this.#apply(now).then(() => this.#look());
  }

  async #apply(now: Seen): Promise<void> {
    const {events} = this.#agent!;
    const started = performance.now();
    try {
      const result = await this.#agent!.apply(this.#path, []);
      this.#applied = now;
      this.#refused = undefined;
      const {manifest} = this.#agent!.status();
      const ms = Math.round(performance.now() - started);
      const generation = manifest?.generation ?? null;
      events.emit('info', 'generation-taken', {path: result.path, generation, fetchedBytes: 0, ms});
    } catch (error) {
      this.#refused = {identity: now.identity, atMs: performance.now()};
      events.emit('error', 'generation-refused', {generation: null, error: (error as Error).message});
    }
  }

  /** The file that is held was written to: once a content. */
  #tellWritten(now: Seen): void {
    if (this.#refused?.identity === now.content) return;
    this.#refused = {identity: now.content, atMs: performance.now()};
    const error = `${this.#path} was written in its place, and is not read: rename a new file to this name`;
    this.#agent!.events.emit('error', 'generation-refused', {generation: null, error});
  }

  /** The folders of the name and of each link behind it. */
  #watchLinks(): void {
    const wanted = new Set(foldersOf(this.#path));
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = fs.watch(folder, () => this.#soon(QUIET_MS));
        watcher.on('error', () => watcher.close());
        watcher.on('close', () => this.#watchers.delete(folder));
        this.#watchers.set(folder, watcher);
      } catch {
        // It is gone, or cannot be watched: a look now and then does.
      }
    }
  }

  #soon(ms: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#running.then(() => this.#look()), ms);
  }
}

function seenAt(path: string): Seen | undefined {
  try {
    const stats = statNow(path);
    if (!stats) return undefined;
    const {dev, ino, birthtimeNs, size, mtimeNs} = stats;
    const identity = `${dev}:${ino}:${birthtimeNs}`;
    return {identity, content: `${identity}:${size}:${mtimeNs}`};
  } catch {
    return undefined;
  }
}

function sameContent(a: Seen | undefined, b: Seen | undefined): boolean {
  return a?.content === b?.content;
}

/** Where the name stands, and each link on the way to the file. */
function foldersOf(path: string): string[] {
  const folders = [dirname(path)];
  let way = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    const link = lastLink(way);
    if (!link) break;
    folders.push(dirname(link.at));
    way = link.leadsTo;
  }
  return folders;
}

/** The last link on the way to `path`, and the way that it makes of it; undefined: there is none. */
function lastLink(path: string): {at: string; leadsTo: string} | undefined {
  const behind: string[] = [];
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    try {
      return {at, leadsTo: join(resolve(dirname(at), fs.readlinkSync(at)), ...behind)};
    } catch {
      behind.unshift(basename(at));
    }
  }
  return undefined;
}
