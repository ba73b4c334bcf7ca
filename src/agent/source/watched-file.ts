/**
 * A manifest that something else puts in its place: a ConfigMap, rsync, a package. The folders in which its name and
 * the links behind it stand are watched, since what takes its place may be a link further up. A file is taken up when
 * it has another inode than the one that was applied, and nothing has changed of it for a while: one that is written in
 * its place is never read, as it could be cut off between two lines.
 */
import {type FSWatcher, watch} from 'node:fs';
import fs from 'node:fs/promises';
import {basename, dirname, join, resolve} from 'node:path';
import {Deadline} from '../../deadline.js';
import type {Agent} from '../agent.js';
import type {ManifestSource, OpenAgent} from './manifest-source.js';

/** What changes comes in several steps. */
const QUIET_MS = 300;
/** Where no news comes of a change, as on some mounts. */
const LOOK_MS = 10_000;
/** What was refused is tried again: what was wrong may not have been the file. */
const RETRY_MS = 30_000;
/** How long a look may take: a mount that does not answer must not stop the agent. */
const LOOK_TIMEOUT_MS = 10_000;
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
  readonly #watchers = new Map<string, FSWatcher>();
  #applied: Seen | undefined;
  /** What was there at the last look. */
  #last: Seen | undefined;
  #refused: {identity: string; atMs: number} | undefined;
  /** What the file that is held had in it when it was told that it is not read. */
  #toldOf: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The look, and the apply, that is under way. */
  #running: Promise<void> = Promise.resolve();
  readonly #stop = new AbortController();

  /** An absolute path. */
  constructor(path: string) {
    this.#path = path;
  }

  async start(open: OpenAgent): Promise<Agent> {
    this.#applied = await this.#seen();
    this.#agent = await open(this.#path);
    this.#soon(0);
    return this.#agent;
  }

  async close(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#timer);
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    await this.#running;
  }

  /** Looks now, and again after `LOOK_MS`, or when something has happened and it is quiet again. */
  async #look(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const now = await this.#seen();
    if (this.#stop.signal.aborted) return;
    const wasQuiet = sameContent(now, this.#last);
    this.#last = now;
    const isHeld = now?.identity === this.#applied?.identity;
    if (now && isHeld && !sameContent(now, this.#applied)) this.#tellWritten(now);
    const refused = this.#refused?.identity === now?.identity ? this.#refused : undefined;
    const isRefused = refused !== undefined && performance.now() - refused.atMs < RETRY_MS;
    let next = LOOK_MS;
    if (now && !isHeld && !isRefused) {
      if (wasQuiet) await this.#apply(now);
      next = wasQuiet ? 0 : QUIET_MS;
    }
    if (this.#timer === undefined) this.#soon(next); // else something has happened meanwhile
  }

  /** What is there; undefined where there is nothing, or it does not answer. Watches the way that leads to it. */
  async #seen(): Promise<Seen | undefined> {
    const deadline = new Deadline(this.#path, {timeoutMs: LOOK_TIMEOUT_MS, signal: this.#stop.signal});
    try {
      this.#watchAll(await deadline.wait(() => foldersOf(this.#path)));
      const {dev, ino, birthtimeNs, size, mtimeNs} = await deadline.wait(() => fs.stat(this.#path, {bigint: true}));
      const identity = `${dev}:${ino}:${birthtimeNs}`;
      return {identity, content: `${identity}:${size}:${mtimeNs}`};
    } catch {
      return undefined;
    }
  }

  async #apply(now: Seen): Promise<void> {
    const {events} = this.#agent!;
    const started = performance.now();
    try {
      const result = await this.#agent!.apply(this.#path, []);
      this.#applied = now;
      this.#refused = undefined;
      const ms = Math.round(performance.now() - started);
      const generation = this.#agent!.applied()?.generation ?? null;
      events.emit('info', 'generation-taken', {path: result.path, generation, fetchedBytes: 0, ms});
    } catch (error) {
      this.#refused = {identity: now.identity, atMs: performance.now()};
      events.emit('error', 'generation-refused', {generation: null, error: (error as Error).message});
    }
  }

  /** The file that is held was written to: once a content. */
  #tellWritten(now: Seen): void {
    if (this.#toldOf === now.content) return;
    this.#toldOf = now.content;
    const error = `${this.#path} was written in its place, and is not read: rename a new file to this name`;
    this.#agent!.events.emit('error', 'generation-refused', {generation: null, error});
  }

  #watchAll(folders: readonly string[]): void {
    if (this.#stop.signal.aborted) return;
    const wanted = new Set(folders);
    for (const [folder, watcher] of this.#watchers) {
      if (wanted.has(folder)) continue;
      watcher.close();
      this.#watchers.delete(folder);
    }
    for (const folder of wanted) {
      if (this.#watchers.has(folder)) continue;
      try {
        const watcher = watch(folder, () => this.#soon(QUIET_MS));
        watcher.on('error', () => watcher.close());
        watcher.on('close', () => this.#watchers.delete(folder));
        this.#watchers.set(folder, watcher);
      } catch {
        // It is gone, or cannot be watched: a look now and then does.
      }
    }
  }

  /** Not before the agent is there: the look after its start sees what has happened. */
  #soon(ms: number): void {
    if (!this.#agent || this.#stop.signal.aborted) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#running = this.#running.then(() => this.#look());
    }, ms);
  }
}

function sameContent(a: Seen | undefined, b: Seen | undefined): boolean {
  return a?.content === b?.content;
}

/** Where the name stands, and each link on the way to the file. */
async function foldersOf(path: string): Promise<string[]> {
  const folders = [dirname(path)];
  let way = path;
  for (let links = 0; links < MAX_LINKS; links++) {
    const link = await lastLink(way);
    if (!link) break;
    folders.push(dirname(link.at));
    way = link.leadsTo;
  }
  return folders;
}

/** The last link on the way to `path`, and the way that it makes of it; undefined: there is none. */
async function lastLink(path: string): Promise<{at: string; leadsTo: string} | undefined> {
  const behind: string[] = [];
  for (let at = path; at !== dirname(at); at = dirname(at)) {
    const target = await fs.readlink(at).catch(() => undefined);
    if (target !== undefined) return {at, leadsTo: join(resolve(dirname(at), target), ...behind)};
    behind.unshift(basename(at));
  }
  return undefined;
}
