/** A secret that is here already, as a source that is read like any other. */
import fs from 'node:fs';
import {DekError} from '../../errors.js';
import {makePipe} from './ffi.js';
import type {Started} from './source.js';

/** What a pipe holds at the least before its writer has to wait: pipe(7). */
const PIPE_BYTES = 65_536;

/** A pipe that `content` was written to. Throws IO when that is more than a pipe holds. */
export function pipeOf(content: Uint8Array): Started {
  if (content.length > PIPE_BYTES) throw new DekError('IO', `${content.length} bytes are too many for a pipe`);
  const {reading, writing} = makePipe();
  try {
    fs.writeSync(writing, content);
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
