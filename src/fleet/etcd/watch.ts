/**
 * A watch that lasts: it goes on after the revision that it has seen, at another member where one is lost, and takes
 * silence for a loss: the member is asked for a sign of life now and then.
 */
import {setTimeout as pause} from 'node:timers/promises';
import {Compacted, isTokenRefused, mayDoElsewhere, reasonOf, storeError} from './failure.js';
import type {MemberStream, Members} from './members.js';
import {decodeWatch, encodeWatchCreate, type Keys, METHODS, WATCH_PROGRESS, type WatchEvent} from './messages.js';
import {Patience} from './patience.js';

/**
 * After so much silence a sign of life is asked for, which may take so long. A host finds sooner that a member is lost,
 * by its lease: this is for a watch that is silent while its member is not.
 */
const SILENCE_MS = 30_000;
const SIGN_MS = 4000;
/** The first sign may take as long, and with each try twice that, a connection included: others want theirs as well. */
const MAX_DOUBLINGS = 3;
/** The first pause before another try, and the longest; each up to half as long by chance. */
const PAUSE_MS = {first: 200, longest: 10_000};

export interface WatchOptions {
  readonly signal: AbortSignal;
  /** Is told why a member was lost, and undefined when one answers again. */
  readonly onLost?: ((why: string | undefined) => void) | undefined;
}

/** Changes of one or more revisions. */
export interface WatchBatch {
  readonly events: readonly WatchEvent[];
  readonly revision: number;
}

/** Changes of these keys after `revision`, until the signal fires. Rejects with Compacted, PERMISSION. */
export async function* watch(
  members: Members,
  keys: Keys,
  revision: number,
  {signal, onLost = () => {}}: WatchOptions,
): AsyncGenerator<WatchBatch, void> {
  let tries = 0;
  while (!signal.aborted) {
    let leave = (_: unknown): void => {};
    try {
      const firstMs = SIGN_MS * 2 ** Math.min(tries, MAX_DOUBLINGS);
      const opened = await members.stream(METHODS.watch, firstMs);
      leave = (error) => {
        if (error instanceof Silence) opened.giveUp(error.heard);
        else if (isTokenRefused(error)) opened.forgetToken();
        else opened.leave();
      };
      for await (const events of answersOf(opened, keys, revision + 1, {firstMs, signal})) {
        tries = 0;
        onLost(undefined);
        if (events.length === 0) continue;
        revision = Math.max(...events.map(({kv}) => kv.modRevision));
        yield {events, revision};
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Compacted) throw error;
      if (!mayDoElsewhere(error) && !isTokenRefused(error) && !(error instanceof Silence)) throw storeError(error);
      leave(error);
      onLost(error instanceof Silence ? error.message : reasonOf(error));
      const pauseMs = Math.min(PAUSE_MS.first * 2 ** tries++, PAUSE_MS.longest);
      await pause(pauseMs * (1 - Math.random() / 2), undefined, {signal}).catch(() => {});
    }
  }
}

class Silence extends Error {
  /** Bytes that had come from the member before. */
  readonly heard: number;

  constructor(message: string, heard: number) {
    super(message);
    this.heard = heard;
  }
}

/** The events of each answer on one stream, none in a sign of life. Throws what ended it. */
async function* answersOf(
  {stream, heard}: MemberStream,
  keys: Keys,
  startRevision: number,
  {firstMs, signal}: {firstMs: number; signal: AbortSignal},
): AsyncGenerator<readonly WatchEvent[], void> {
  const queue: Uint8Array[] = [];
  let error: unknown;
  let wake = (): void => {};
  let patience: Patience | undefined;
  const wait = (ms: number, onEnd: () => void): void => {
    patience?.end();
    patience = new Patience(ms, onEnd);
  };
  const fail = (why: unknown): void => {
    error ??= why;
    wake();
  };
  const listen = (): void => {
    wait(SILENCE_MS, () => {
      const before = heard();
      stream.write(WATCH_PROGRESS);
      wait(SIGN_MS, () => fail(new Silence('the watch has gone silent', before)));
    });
  };
  const onAbort = (): void => fail(new Error('not wanted any more'));
  signal.addEventListener('abort', onAbort);
  // It may have fired while the stream was opened: then no event comes.
  if (signal.aborted) onAbort();
  stream.on('data', (bytes: Uint8Array) => {
    listen();
    queue.push(bytes);
    wake();
  });
  stream.on('error', fail);
  stream.on('end', () => fail(new Silence('the watch has ended', heard())));
  try {
    // A member that does not even say that it watches is told from its first silence on.
    const before = heard();
    wait(firstMs, () => fail(new Silence('it does not begin to watch', before)));
    stream.write(encodeWatchCreate(keys, startRevision));
    for (;;) {
      while (queue.length > 0) {
        const {canceled, compactRevision, reason, events} = decodeWatch(queue.shift()!);
        if (compactRevision > 0) throw new Compacted(`nothing before revision ${compactRevision} is left`);
        if (canceled) throw cancelled(reason);
        yield events;
      }
      if (error !== undefined) throw error;
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (queue.length > 0 || error !== undefined) resolve();
      });
    }
  } finally {
    patience?.end();
    signal.removeEventListener('abort', onAbort);
    stream.cancel();
  }
}

/** What etcd says of a watch that it does not go on with, in the shape of a call that failed. */
function cancelled(reason: string): Error & {code: number; details: string} {
  const PERMISSION_DENIED = 7;
  const UNAVAILABLE = 14;
  const UNAUTHENTICATED = 16;
  let code = UNAVAILABLE;
  if (reason.includes('permission denied')) code = PERMISSION_DENIED;
  if (reason.includes('invalid auth token')) code = UNAUTHENTICATED;
  return Object.assign(new Error(reason), {code, details: reason || 'the watch was cancelled'});
}
