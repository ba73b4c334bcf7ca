/**
 * A thread of a crew that ends at its third job, as `workerData` of the test says: by itself, or for want of memory.
 */
import {parentPort} from 'node:worker_threads';

let jobs = 0;
parentPort!.on('message', ({input}: {input: {bytes: Uint8Array}}) => {
  if (++jobs < 3) parentPort!.postMessage({output: {bytes: input.bytes, count: 1, bad: []}});
  else if (input.bytes[0] === 0) process.exit(7);
  else {
    const hoard: number[][] = [];
    for (;;) hoard.push(new Array(1e6).fill(0));
  }
});
