/**
 * From one import KEK to another: every DEK and the credential, in plaintext in memory only and wiped. And the proof
 * that what was written is right: see `check`.
 */
import {readSync} from 'node:fs';
import fs from 'node:fs/promises';
import {equalBytes} from '../bytes.js';
import {CREDENTIAL_BYTES, type LoginOptions} from '../dek-layout.js';
import {DekError, withMessage} from '../errors.js';
import {nextEdition} from '../manifest/fields/edition.js';
import {formatHeader, type ManifestHeader, versionOf} from '../manifest/fields/header.js';
import {CHUNK_BYTES, openLines} from '../manifest/read.js';
import {assertManifestKek, assertOtherKek, withCredential} from '../manifest/unwrap.js';
import type {KekHandle} from '../wrap/kek-handle.js';
import {assertNoFault, DuplicateRegister, inputsOf, withDuplicates} from './duplicates.js';
import type {Crew} from './jobs/crew.js';
import type {LinesInput} from './jobs/line-jobs.js';
import type {OnProgress} from './progress.js';

/** A rewrap. */
export interface RewrapOptions {
  from: KekHandle;
  to: KekHandle;
  /** The id of the new KEK on the NIC, 24 bits; the old one's is kept without. */
  importKekId?: number | undefined;
}

/** A piece of what was written. */
interface Piece {
  bytes: number;
  first: number;
  count: number;
  digest: Uint8Array;
}

export class Rewrap {
  readonly #crew: Crew;
  readonly #path: string;
  readonly #options: RewrapOptions;
  readonly #pieces: Piece[] = [];
  /** Before and after, and the line of the latter. */
  #headers: {old: ManifestHeader; fresh: ManifestHeader; text: Uint8Array} | undefined;
  readonly #equal: number[] = [];

  /** Of the manifest in the file `path`, with a crew that has the KEKs `from` and `to`. */
  constructor(crew: Crew, path: string, options: RewrapOptions) {
    this.#crew = crew;
    this.#path = path;
    this.#options = options;
  }

  /** The lines of the DEKs that are whole, but key1 equals key2: they are taken along. */
  get equalLines(): readonly number[] {
    return this.#equal;
  }

  /**
   * Yields the bytes of the new manifest. Throws what `openManifest` throws; UNWRAP_FAILED, before the first byte when
   * `from` is not the KEK of the manifest; BAD_ARGUMENT when `to` is it too, or when there is no login that an id could
   * belong to.
   */
  async *chunks(onProgress?: OnProgress): AsyncGenerator<Uint8Array, void> {
    const manifest = await openLines(this.#path);
    const {header, lines, bytes} = manifest;
    try {
      this.#crew.expect(bytes / CHUNK_BYTES);
      const fresh = await rewrapHeader(header, this.#options);
      const text = formatHeader(fresh);
      this.#headers = {old: header, fresh, text};
      yield text;
      const register = new DuplicateRegister({bytes});
      const outputs = this.#crew.map('rewrapLines', inputsOf(manifest, register, {}));
      let deks = 0;
      for await (const {text, count, faults, equal, lines, digest} of withDuplicates(outputs, register)) {
        assertNoFault(faults);
        this.#equal.push(...equal);
        this.#pieces.push({bytes: text.length, first: lines[0]!, count, digest});
        deks += count;
        yield text;
        await onProgress?.(deks);
      }
    } finally {
      await lines.return();
    }
  }

  /**
   * Reads back what `chunks` gave from the file `path`, unwraps it with the new KEK, and compares digests: so it is,
   * byte by byte, what was made, and its keys are in plaintext what the old lines unwrapped to. What the old file held
   * is known from that one reading of it; that each of its keys is whole, from the integrity check of its unwrap.
   * Throws IO when they differ.
   */
  async check(path: string, onProgress?: OnProgress): Promise<void> {
    const file = await fs.open(path);
    try {
      const {old, fresh, text} = this.#headers!;
      if (!equalBytes(readExactly(file, text.length, 1), text)) throw differs(1);
      if (!(await isSameCredential(old, fresh, this.#options))) throw differs(1);
      let [deks, piece] = [0, 0];
      for await (const {digest, faults} of this.#crew.map('digestLines', this.#linesOf(file))) {
        const {first, count, digest: expected} = this.#pieces[piece++]!;
        if (faults.length > 0 || !equalBytes(digest, expected)) throw differs(first, first + count - 1);
        deks += count;
        await onProgress?.(deks);
      }
      if ((await file.read(new Uint8Array(1))).bytesRead > 0) throw differs(deks + 2);
    } finally {
      await file.close();
    }
  }

  async *#linesOf(file: fs.FileHandle): AsyncGenerator<Omit<LinesInput, 'key'>, void> {
    const version = versionOf(this.#headers!.fresh);
    for (const {bytes, first, count} of this.#pieces) {
      yield {version, text: readExactly(file, bytes, first), first, count};
    }
  }
}

function readExactly(file: fs.FileHandle, bytes: number, line: number): Uint8Array {
  const text = new Uint8Array(bytes);
  for (let length = 0; length < bytes; ) {
    const bytesRead = readSync(file.fd, text, length, bytes - length, null);
    if (bytesRead === 0) throw differs(line);
    length += bytesRead;
  }
  return text;
}

/** The header under the new KEK: with the login that the old one has in store for it, if it has one. */
async function rewrapHeader(header: ManifestHeader, {from, to, importKekId}: RewrapOptions): Promise<ManifestHeader> {
  assertManifestKek(header, from, 'from');
  assertOtherKek(from, to);
  if (!header.login && importKekId !== undefined) {
    throw new DekError('BAD_ARGUMENT', 'the manifest has no login, and so no id of its import KEK', {
      hint: 'leave out --import-kek-id',
    });
  }
  const edition = header.edition ? nextEdition(header.edition) : null;
  const importKekKcv = to.kcv ?? null;
  const next = edition?.nextLogin;
  if (edition && next?.importKekKcv && importKekKcv && equalBytes(next.importKekKcv, importKekKcv)) {
    await withCredential(to, next.credential, () => {}, 'line 1: nextLogin.wrappedCredential');
    const login = {...next, importKekId: importKekId ?? next.importKekId};
    return {...header, edition: {...edition, nextLogin: null}, importKekKcv, login};
  }
  const login: LoginOptions | null = header.login && {
    importKekId: importKekId ?? header.login.importKekId,
    credentialId: header.login.credentialId,
    credential: await namedRewrap(header.login.credential, from, to),
  };
  return {...header, edition, importKekKcv, login};
}

/** Whether the new header has the credential of the old one, or the one that was in store. */
async function isSameCredential(
  old: ManifestHeader,
  fresh: ManifestHeader,
  {from, to}: RewrapOptions,
): Promise<boolean> {
  const [a, b] = [old.login, fresh.login];
  if (!a || !b || equalBytes(b.credential, old.edition?.nextLogin?.credential ?? new Uint8Array())) return true;
  if (from.staysWithin?.(to)) return equalBytes(await to.rewrap(from, b.credential, CREDENTIAL_BYTES), a.credential);
  return withCredential(from, a.credential, (was) => withCredential(to, b.credential, (is) => equalBytes(was, is)));
}

async function namedRewrap(credential: Uint8Array, from: KekHandle, to: KekHandle): Promise<Uint8Array> {
  if (!from.staysWithin?.(to)) {
    return withCredential(from, credential, (plaintext) => to.wrap(plaintext, CREDENTIAL_BYTES));
  }
  return from.rewrap(to, credential, CREDENTIAL_BYTES).catch((error: unknown) => {
    if (!(error instanceof DekError)) throw error;
    throw withMessage(error, `line 1: wrappedCredential: ${error.message}`);
  });
}

function differs(first: number, last = first): DekError<'IO'> {
  const where = first === last ? `in line ${first}` : `between line ${first} and line ${last}`;
  return new DekError('IO', `what was written differs from the manifest ${where}`, {
    hint: 'another program may have written to it, or the disk or the memory of this machine is at fault: try again',
  });
}
