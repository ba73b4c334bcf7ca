/**
 * The last good copy: the manifest that this host holds, on its own disk, so that it starts while the store is away.
 * A directory has it under a name of its generation, and held.json says which one it is.
 */
import fs from 'node:fs/promises';
import {join} from 'node:path';
import {DekError, systemCode} from '../../errors.js';
import {makeDirectories} from '../../files/directories.js';
import {systemError} from '../../files/system-error.js';
import {writeWholeFile} from '../../files/whole-file.js';
import {isHost, isInstant} from '../../manifest/fields/edition.js';
import {jsonBytes, Members, malformed, parseJson} from '../layout/json.js';
import {type Target, targetOf} from '../layout/pointer.js';

/** What the host holds. */
export interface Held {
  readonly target: Target;
  /** Since when, by this host's clock. */
  readonly since: string;
}

const KIND = 'dek-fleet-held';
const FILE = 'held.json';

export class HeldCopy {
  readonly directory: string;
  readonly #host: string;
  #held: Held | undefined;

  private constructor(directory: string, host: string, held: Held | undefined) {
    this.directory = directory;
    this.#host = host;
    this.#held = held;
  }

  /** Of `host` in `directory`, which is made where it is missing. Throws PERMISSION, IO, BAD_INPUT. */
  static async open(directory: string, host: string): Promise<HeldCopy> {
    try {
      makeDirectories(directory, 0o700);
    } catch (error) {
      throw systemError('make', directory, error, {hint: 'StateDirectory= of the unit, or --state DIRECTORY'});
    }
    return new HeldCopy(directory, host, await readHeld(join(directory, FILE), host));
  }

  get held(): Held | undefined {
    return this.#held;
  }

  /** The path of the manifest that is held; undefined: none is. */
  get path(): string | undefined {
    return this.#held && this.pathOf(this.#held.target);
  }

  /** Where a manifest is, or is to be. */
  pathOf(target: Target): string {
    return manifestIn(this.directory, target);
  }

  /** From now on that one is held; others are removed. Throws IO. */
  async hold(target: Target): Promise<void> {
    const held: Held = {target, since: new Date().toISOString()};
    const {since} = held;
    const file = join(this.directory, FILE);
    await writeWholeFile(file, [jsonBytes({[KIND]: 1, host: this.#host, since, target})], {force: true});
    this.#held = held;
    await this.clean();
  }

  /** Removes what is not held: what an agent that was killed has left. */
  async clean(): Promise<void> {
    const kept = this.path;
    for (const name of await fs.readdir(this.directory)) {
      if (!/^manifest-\d+-[0-9a-f]{12}(\.sig|\.release|\.release\.sig)?$|^dek-[0-9a-f]+\.tmp$/.test(name)) continue;
      const path = join(this.directory, name);
      if (kept === undefined || !path.startsWith(kept)) await fs.rm(path, {force: true});
    }
  }
}

/** Where a manifest is in the directory. */
export function manifestIn(directory: string, {generation, digest}: Target): string {
  return join(directory, `manifest-${generation}-${digest.slice(0, 12)}`);
}

/** What held.json says; undefined: there is none. Throws PERMISSION, IO, BAD_INPUT. */
export async function readHeld(path: string, host: string): Promise<Held | undefined> {
  let bytes: Uint8Array;
  try {
    bytes = await fs.readFile(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw systemError('read', path, error);
  }
  const json = parseJson(bytes, KIND, path);
  const target = new Members(json, path).object('target');
  if (!target || !isInstant(json['since'])) throw malformed(path, 'is not whole');
  if (!isHost(json['host']) || json['host'] !== host) {
    throw new DekError('BAD_INPUT', `${path} is that of another host`, {
      hint: `this one is ${host}, by its certificate; a directory of another host is not to be taken over: remove it`,
    });
  }
  return {target: targetOf(target, path), since: json['since']};
}
