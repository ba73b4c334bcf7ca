/**
 * From one master to a manifest for each host's own KEK: the master is read and unwrapped once, its keys stay in memory
 * until the last host has its file, and are wiped then. Each file is read back and compared before it has its name.
 */
import {createHash, type Hash} from 'node:crypto';
import {join} from 'node:path';
import {secretCopy, wipe} from '../bytes.js';
import type {LoginOptions} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {writeWholeFile} from '../files/whole-file.js';
import type {Columns} from '../manifest/columns.js';
import {faultError} from '../manifest/fault.js';
import {formatHeader, type ManifestHeader, versionOf} from '../manifest/fields/header.js';
import {parseLines} from '../manifest/parse-lines.js';
import {columnsOf, openLines} from '../manifest/read.js';
import {assertManifestKek} from '../manifest/unwrap.js';
import type {KekHandle} from '../wrap/kek-handle.js';
import {unwrapColumns} from './jobs/line-jobs.js';
import {put} from './jobs/rewrap-jobs.js';
import {LineMarks} from './marks.js';

/** A host of the list. */
export interface ListedHost {
  readonly host: string;
  readonly to: KekHandle;
  /** null: its NICs take plaintext. */
  readonly login: LoginOptions | null;
}

/** Lines of the master, and their keys in plaintext, by column. */
interface Part {
  columns: Columns;
  readonly plaintexts: readonly Uint8Array[];
}

export class Master {
  readonly #header: ManifestHeader;
  readonly #parts: readonly Part[];
  /** Of all keys in plaintext, in the order of their layouts. */
  readonly #digest: string;
  /** The lines of DEKs that are whole, but whose key1 equals key2. */
  readonly equalLines: readonly number[];

  private constructor(header: ManifestHeader, parts: readonly Part[], equalLines: readonly number[]) {
    [this.#header, this.#parts, this.equalLines] = [header, parts, equalLines];
    this.#digest = digestOf(parts);
  }

  /** Reads and unwraps the manifest in the file `path`; `close` wipes its keys. Throws BAD_INPUT, UNWRAP_FAILED. */
  static async open(path: string, from: KekHandle): Promise<Master> {
    const parts: Part[] = [];
    try {
      const {header, equal} = await unwrapped(path, from, parts);
      if (header.edition) return new Master(header, parts, equal);
    } catch (error) {
      wipe(...parts.flatMap(({plaintexts}) => plaintexts));
      throw error;
    }
    wipe(...parts.flatMap(({plaintexts}) => plaintexts));
    throw new DekError('BAD_INPUT', `${path} is of version 1, which has no hosts`, {
      hint: 'dek manifest upgrade writes version 2',
    });
  }

  get deks(): number {
    return this.#parts.reduce((sum, {columns}) => sum + columns.count, 0);
  }

  /**
   * Writes HOST.manifest in `directory`, whole and read back; its path. Throws EXISTS unless `force`; IO when what is
   * read back differs.
   */
  async write({host, to, login}: ListedHost, directory: string, force: boolean): Promise<string> {
    const edition = this.#header.edition!;
    const own = {...edition, id: idFor(edition.id, host), hosts: [host], nextLogin: null};
    const header = {...this.#header, edition: own, importKekKcv: to.kcv ?? null, login};
    const path = join(directory, `${host}.manifest`);
    const check = async (temporary: string): Promise<void> => {
      const parts: Part[] = [];
      try {
        await unwrapped(temporary, to, parts);
        if (digestOf(parts) !== this.#digest) throw differs(path);
      } finally {
        wipe(...parts.flatMap(({plaintexts}) => plaintexts));
      }
    };
    await writeWholeFile(path, this.#chunks(header, to), {force, check});
    return path;
  }

  close(): void {
    wipe(...this.#parts.flatMap(({plaintexts}) => plaintexts));
  }

  async *#chunks(header: ManifestHeader, to: KekHandle): AsyncGenerator<Uint8Array, void> {
    yield formatHeader(header);
    for (const {columns, plaintexts} of this.#parts) {
      const fresh = {...columns, text: columns.text.slice()};
      for (const [k, column] of columns.keys.entries()) {
        if (column.members.length === 0) continue;
        put(fresh, column, await to.wrap(plaintexts[k]!, column.layout.plaintextBytes));
      }
      yield fresh.text;
    }
  }
}

/** Adds the parts of a manifest to `parts`, which the caller wipes. */
async function unwrapped(
  path: string,
  kek: KekHandle,
  parts: Part[],
): Promise<{header: ManifestHeader; equal: number[]}> {
  const {header, lines, bytes} = await openLines(path);
  const equal: number[] = [];
  try {
    assertManifestKek(header, kek, 'from');
    const version = versionOf(header);
    for await (const columns of await columnsOf(lines, version, {}, bytes)) {
      const plaintexts: Uint8Array[] = columns.keys.map(() => new Uint8Array());
      const part: Part = {columns, plaintexts};
      parts.push(part); // before there is a key, so that whatever fails it is wiped
      const marks = new LineMarks(columns);
      const found = await unwrapColumns(columns, kek, (column, keys) => {
        plaintexts[columns.keys.indexOf(column)] = secretCopy(keys);
        return version > 1 ? marks.compare(column, keys) : [];
      });
      const first = columns.lines[0] ?? 2;
      const text = version > 1 ? marks.complete() : columns.text;
      part.columns = parseLines({text, first, count: columns.count}, {version});
      if (found.faults[0]) throw faultError(found.faults[0]);
      equal.push(...found.equal);
    }
  } finally {
    await lines.return();
  }
  return {header, equal};
}

function digestOf(parts: readonly Part[]): string {
  const hashes: Hash[] = [];
  for (const {plaintexts} of parts) {
    for (const [k, keys] of plaintexts.entries()) {
      hashes[k] ??= createHash('sha256');
      hashes[k].update(keys);
    }
  }
  return hashes.map((hash) => hash.digest('hex')).join(' ');
}

/** A set of its own for each host, the same each time: a release has each set once. */
function idFor(id: Uint8Array, host: string): Uint8Array {
  return new Uint8Array(createHash('sha256').update(id).update(host).digest().subarray(0, id.length));
}

function differs(path: string): DekError<'IO'> {
  return new DekError('IO', `what was written for ${path} differs from the master`, {
    hint: 'the disk or the memory of this machine may be at fault: try again',
  });
}
