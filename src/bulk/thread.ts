/** What a worker thread of a crew runs: one job after the other. Its file is named in crew.ts. */
import {parentPort, workerData} from 'node:worker_threads';
import {secretCopy, wipe} from '../bytes.js';
import {DekError, type DekErrorCode} from '../errors.js';
import {buffersOf, type Input, type JobName, runJob} from './jobs.js';

/** An error as plain data: of its class nothing passes from one thread to another. */
interface PlainError {
  code: DekErrorCode;
  message: string;
  hint: string | undefined;
}
export type Answer = {isLoaded: true} | {output: object} | {error: PlainError};

const shared = (workerData as {keks: Uint8Array[]}).keks;

parentPort!.on('message', async ({name, input}: {name: JobName; input: Input<JobName>}) => {
  const keks = shared.map(secretCopy);
  try {
    const output = await runJob(name, input, keks);
    parentPort!.postMessage({output} satisfies Answer, buffersOf(output));
  } catch (error) {
    parentPort!.postMessage({error: plain(error)} satisfies Answer);
  } finally {
    wipe(...keks);
  }
});

parentPort!.postMessage({isLoaded: true} satisfies Answer);

function plain(error: unknown): PlainError {
  if (error instanceof DekError) return {code: error.code, message: error.message, hint: error.hint};
  const message = `in a worker thread: ${error instanceof Error ? error.stack : error}`;
  return {code: 'INTERNAL', message, hint: undefined};
}
