/**
 * What this host has accepted before: in the rollback index that the agent was given, else in its StateDirectory=,
 * systemd.exec(5), a file for each set of DEKs. And in this process, which outlives neither.
 */
import {join} from 'node:path';
import {toHex} from '../../bytes.js';
import type {Limit} from '../../deadline.js';
import type {Known} from '../../manifest/acceptance/accept.js';
import {storeOf} from '../../rollback-index/file.js';
import {RollbackIndex} from '../../rollback-index/rollback-index.js';

export class Memory {
  readonly #index: RollbackIndex | undefined;
  readonly #directory: string | undefined;
  /** By the id in hex. */
  readonly #accepted = new Map<string, Known>();

  /** `index` is what a person enrolls; `directory` fills by itself, and is worth what a file is worth. */
  constructor(index: RollbackIndex | undefined, directory: string | undefined) {
    this.#index = index;
    this.#directory = directory;
  }

  /** Null: nothing. Throws NOT_ENROLLED, and what reading throws. */
  async known(id: Uint8Array, limit: Limit): Promise<Known | null> {
    const here = this.#accepted.get(toHex(id)) ?? null;
    const there = this.#index ? await this.#index.known(id, limit) : await this.#ofDirectory(id)?.read(limit);
    if (!here || !there) return here ?? there ?? null;
    return there.generation >= here.generation ? there : here;
  }

  /** Keeps what was accepted for good. Throws what writing throws. */
  async remember(id: Uint8Array, known: Known, limit: Limit): Promise<void> {
    await (this.#index ?? this.#ofDirectory(id))?.write({id, ...known}, limit);
    this.#accepted.set(toHex(id), known);
  }

  #ofDirectory(id: Uint8Array): RollbackIndex | undefined {
    return this.#directory === undefined
      ? undefined
      : new RollbackIndex(storeOf(join(this.#directory, `${toHex(id)}.accepted`)));
  }
}
