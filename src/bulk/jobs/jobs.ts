/**
 * The jobs of a crew by name. Each is pure: bytes in, bytes out, on whatever thread, by KEKs wherever those are. What
 * they are given and give is plain data.
 */
import {wipe} from '../../bytes.js';
import {isLocked} from '../../memory/arena.js';
import type {KekHandle} from '../../wrap/kek-handle.js';
import {checkLines, makeLines, markLines} from './line-jobs.js';
import {unwrapRaw, wrapRaw} from './raw-jobs.js';
import {digestLines, rewrapLines} from './rewrap-jobs.js';

const JOBS = {checkLines, digestLines, makeLines, markLines, rewrapLines, unwrapRaw, wrapRaw};

/** Tells a thread that no job follows. */
export const END = 'end';

export type JobName = keyof typeof JOBS;
export type Input<N extends JobName> = Parameters<(typeof JOBS)[N]>[0];
export type Output<N extends JobName> = Awaited<ReturnType<(typeof JOBS)[N]>>;

/** Does the job `name`; `keks` are those of the crew. */
export async function runJob<N extends JobName>(
  name: N,
  input: Input<N>,
  keks: readonly KekHandle[],
): Promise<Output<N>> {
  const job = JOBS[name] as (input: Input<N>, keks: readonly KekHandle[]) => Promise<Output<N>>;
  return job(input, keks);
}

/**
 * Sends `message` to another thread, with `value`, an input or an output that is in it: its buffers are moved. Those
 * that cannot be, small ones that are locked, are copied and wiped.
 */
export function moveTo(
  port: {postMessage(message: object, moved: ArrayBuffer[]): void},
  message: object,
  value: object,
): void {
  const buffers = [...new Set(viewsOf(value).map(({buffer}) => buffer as ArrayBuffer))];
  port.postMessage(
    message,
    buffers.filter((buffer) => !isLocked(buffer)),
  );
  for (const buffer of buffers.filter(isLocked)) wipe(new Uint8Array(buffer));
}

/** Wipes all bytes of an input or an output. */
export function wipeBytes(value: object): void {
  for (const {buffer} of viewsOf(value)) wipe(new Uint8Array(buffer));
}

function viewsOf(value: object): ArrayBufferView[] {
  return Object.values(value).flatMap((member: unknown) => {
    if (ArrayBuffer.isView(member)) return [member];
    return typeof member === 'object' && member !== null ? viewsOf(member) : [];
  });
}
