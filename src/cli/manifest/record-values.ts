/**
 * `dek prove --record`: the next generation of the agent's manifest, with the check values that its NICs came to, as a
 * new file. The agent's own file is read, and never written.
 */
import {createHash} from 'node:crypto';
import {createReadStream} from 'node:fs';
import fs from 'node:fs/promises';
import type {AppliedManifest} from '../../agent/protocol.js';
import {fromHex} from '../../bytes.js';
import {DekError} from '../../errors.js';
import {systemError} from '../../files/system-error.js';
import {writeWholeFile} from '../../files/whole-file.js';
import {editionAfter} from '../../manifest/fields/edition.js';
import {
  type Edition,
  type ManifestDek,
  type ManifestEntry,
  type ManifestHeader,
  readManifest,
  writeManifest,
} from '../../manifest/index.js';

/** Throws BAD_ARGUMENT when `output` is the agent's own file, EXISTS when it is there and may not be replaced. */
export async function assertCanRecord(output: string, force: boolean, {path}: AppliedManifest): Promise<void> {
  const [there, own] = await Promise.all([output, path].map((name) => fs.realpath(name).catch(() => undefined)));
  if (there === undefined) return;
  if (there === own) {
    throw new DekError('BAD_ARGUMENT', `${output} is the manifest of the agent, which stays as it is`, {
      hint: 'name another file; give it out as any new generation of the manifest',
    });
  }
  if (!force) throw new DekError('EXISTS', `${output} exists already`, {hint: '--force replaces it'});
}

/** What was written. */
export interface Recorded {
  edition: Edition;
  /** DEKs that have got a check value. */
  deks: number;
}

/**
 * Writes the manifest that the agent has applied, with those of `values`, in hex by name, that it has not, to the new
 * file `output`; writes nothing, and resolves to null, when it has them all. Throws BUSY when the manifest is not what
 * the agent has applied any more.
 */
export async function writeRecorded(
  {path, digest}: AppliedManifest,
  values: ReadonlyMap<string, string>,
  output: string,
  force: boolean,
): Promise<Recorded | null> {
  const hash = createHash('sha256');
  const nothing = new DekError('EXISTS', 'there is no value to record');
  let edition: Edition;
  let deks = 0;
  async function* chunks(): AsyncGenerator<Uint8Array, void> {
    const {header, entries} = await readManifest(tapped(path, (chunk) => hash.update(chunk)));
    edition = editionAfter(header.edition);
    const next: ManifestHeader = {...header, edition};
    yield* writeManifest(
      next,
      withValues(entries, values, () => deks++),
    );
    if (deks === 0) throw nothing;
    if (hash.digest('hex') === digest) return;
    throw new DekError('BUSY', `${path} has changed since the agent applied it`, {hint: 'dek apply --reload first'});
  }
  try {
    await writeWholeFile(output, chunks(), {force});
  } catch (error) {
    if (error === nothing) return null;
    throw error;
  }
  return {edition: edition!, deks};
}

async function* withValues(
  entries: AsyncIterable<ManifestEntry>,
  values: ReadonlyMap<string, string>,
  count: () => void,
): AsyncGenerator<ManifestDek, void> {
  for await (const entry of entries) {
    const value = entry.dcv ? undefined : values.get(entry.name);
    if (value !== undefined) count();
    yield value === undefined ? entry : {...entry, dcv: fromHex(value, 'dcv')};
  }
}

async function* tapped(path: string, tap: (chunk: Uint8Array) => void): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      tap(chunk);
      yield chunk;
    }
  } catch (error) {
    throw systemError('read', path, error);
  }
}
