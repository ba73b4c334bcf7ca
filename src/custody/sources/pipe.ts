/** A secret that is here already, as a source that is read like any other. */
import fs from 'node:fs';
import {DekError} from '../../errors.js';
import {makePipe, unblock} from './ffi.js';
import type {Started} from './source.js';

/** A pipe that `content` was written to. Throws IO when that is more than a pipe holds: 64 KiB as a rule, pipe(7). */
export function pipeOf(content: Uint8Array): Started {
  const {reading, writing} = makePipe();
  try {
    unblock(writing); // nobody reads yet, so that a write which waits would wait for ever
    if (fs.writeSync(writing, content) < content.length) throw new Error('EAGAIN');
  } catch (cause) {
    fs.closeSync(reading);
    throw new DekError('IO', `${content.length} bytes are too many for a pipe`, {cause});
  } finally {
    fs.closeSync(writing);
  }
  let isOpen = true;
  const end = async (): Promise<void> => {
    if (isOpen) fs.closeSync(reading);
    isOpen = false;
  };
  return {fd: reading, end};
}
