/** What a worker thread of a crew runs: one job after the other. Its file is named in crew.ts. */
import {parentPort, workerData} from 'node:worker_threads';
import {DekError, type DekErrorCode} from '../../errors.js';
import {lockSecrets} from '../../memory/protect.js';
import {openShared, type SharedSecret} from '../../memory/share.js';
import {BytesKek} from '../../wrap/kek-handle.js';
import {END, type Input, type JobName, moveTo, runJob} from './jobs.js';

/** What a thread is started with. */
export interface ThreadData {
  keks: readonly SharedSecret[];
  /** Whether the process keeps its secrets locked: memory/protect.ts. */
  isProtecting: boolean;
}

/** An error as plain data: of its class nothing passes from one thread to another. */
interface PlainError {
  code: DekErrorCode;
  message: string;
  hint: string | undefined;
}
export type Answer = {isLoaded: true} | {output: object} | {error: PlainError};

const {keks: shared, isProtecting} = workerData as ThreadData;
if (isProtecting) lockSecrets();

/** Of jobs that have begun. */
let last = Promise.resolve();

parentPort!.on('message', (message: typeof END | {name: JobName; input: Input<JobName>}) => {
  last = message === END ? last.then(() => parentPort!.close()) : last.then(() => answer(message));
});

async function answer({name, input}: {name: JobName; input: Input<JobName>}): Promise<void> {
  const keks = shared.map((secret) => new BytesKek(openShared(secret), 'the KEK'));
  try {
    const output = await runJob(name, input, keks);
    moveTo(parentPort!, {output} satisfies Answer, output);
  } catch (error) {
    parentPort!.postMessage({error: plain(error)} satisfies Answer);
  } finally {
    for (const kek of keks) await kek.close();
  }
}

parentPort!.postMessage({isLoaded: true} satisfies Answer);

function plain(error: unknown): PlainError {
  if (error instanceof DekError) return {code: error.code, message: error.message, hint: error.hint};
  const message = `in a worker thread: ${error instanceof Error ? error.stack : error}`;
  return {code: 'INTERNAL', message, hint: undefined};
}
