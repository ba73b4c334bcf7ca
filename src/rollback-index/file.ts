/**
 * `file:PATH`: an index in a file. Worth what a file is worth: whoever can write the disk, or put an image of last week
 * on it, sets it back. It keeps a manifest that was replaced by mistake, or by somebody who can write that and no more.
 */
import {resolve} from 'node:path';
import {Deadline, type Limit} from '../deadline.js';
import {DekError} from '../errors.js';
import {readIfThere} from '../files/small-file.js';
import {writeWholeFile} from '../files/whole-file.js';
import {RECORD_BYTES} from './record.js';
import type {Store} from './store.js';

export function storeOf(rest: string): Store {
  const path = resolve(rest);
  const name = `file:${path}`;
  return {
    name,
    read: (limit) => readIndex(path, limit),
    // By a rename, of a file that is whole on disk.
    write: (record, limit) => new Deadline(name, limit).wait(() => writeWholeFile(path, [record], {force: true})),
  };
}

async function readIndex(path: string, limit: Limit): Promise<Uint8Array | null> {
  const found = await readIfThere(path, RECORD_BYTES, limit);
  if (!found?.isOpenToWriters) return found?.bytes ?? null;
  throw new DekError('BAD_INPUT', `${path} can be written by others than its owner, who could set it back`, {
    hint: `chmod go-w ${path}`,
  });
}
