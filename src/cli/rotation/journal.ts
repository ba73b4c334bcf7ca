/**
 * How far a rotation is, beside its manifest: MANIFEST.rotation, one line of JSON. It is there from before the new KEK
 * is added until the old one is deleted, so that a rotation that was interrupted goes on where it was. Nothing in it is
 * secret.
 */
import {realpathSync} from 'node:fs';
import fs from 'node:fs/promises';
import {DekError, systemCode} from '../../errors.js';
import {type HeldLock, tryHold} from '../../files/lock.js';
import {systemError} from '../../files/system-error.js';
import {writeWholeFile} from '../../files/whole-file.js';

/** What is known of a rotation. */
export interface Progress {
  /** Key check values in hex: of the old KEK and the new one. */
  readonly from: string;
  readonly to: string;
  /** Of the old KEK on the NICs. */
  readonly oldId: number;
  /** Of the new KEK; null: it is being added, and may be there. */
  readonly newId: number | null;
  readonly devices: readonly string[];
}

const VERSION = 'dek-rotation';

/** The journal of a manifest: beside the file itself, by whatever links it is named. */
export function journalOf(manifest: string): string {
  let real = manifest;
  try {
    real = realpathSync.native(manifest);
  } catch {} // what reads it tells
  return `${real}.rotation`;
}

/** Keeps other rotations of the manifest off until it is released. Throws BUSY while one is running, PERMISSION, IO. */
export function holdRotation(manifest: string): HeldLock {
  const path = `${journalOf(manifest)}.lock`;
  let lock: HeldLock | undefined;
  try {
    lock = tryHold(path);
  } catch (error) {
    throw systemError('write', path, error);
  }
  if (lock) return lock;
  throw new DekError('BUSY', `another rotation of ${manifest} is running`, {hint: 'wait for its end'});
}

/** What stands in it; undefined: there is none. Throws BAD_INPUT, and what reading it throws. */
export async function readJournal(path: string): Promise<Progress | undefined> {
  let text: string;
  try {
    text = await fs.readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw systemError('read', path, error);
  }
  const value = parsed(text);
  if (value) return value;
  throw new DekError('BAD_INPUT', `${path} is not what a rotation leaves`, {
    hint: 'look at the KEKs by dek officer kek list, then remove this file',
  });
}

/** Writes it, whole. */
export async function writeJournal(path: string, progress: Progress): Promise<void> {
  await writeWholeFile(path, [Buffer.from(`${JSON.stringify({[VERSION]: 1, ...progress})}\n`)], {force: true});
}

/** The rotation is done. Throws PERMISSION, IO. */
export async function removeJournal(path: string): Promise<void> {
  try {
    await fs.rm(path, {force: true});
  } catch (error) {
    throw systemError('remove', path, error);
  }
}

function parsed(text: string): Progress | undefined {
  try {
    const {[VERSION]: version, from, to, oldId, newId, devices} = JSON.parse(text);
    const isKcv = (value: unknown): boolean => typeof value === 'string' && /^[0-9a-f]{10}$/.test(value);
    const isId = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 0;
    const isList = Array.isArray(devices) && devices.every((name) => typeof name === 'string');
    const isGood = version === 1 && isKcv(from) && isKcv(to) && isId(oldId) && (newId === null || isId(newId));
    return isGood && isList ? {from, to, oldId, newId, devices} : undefined;
  } catch {
    return undefined;
  }
}
