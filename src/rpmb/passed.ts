/**
 * Frames whose MACs were made elsewhere, such as in a TEE that has the key: they are handed over unchanged, and the
 * answers given back as they came, for whoever has the key to check.
 */
import {DekError} from '../errors.js';
import {decodeFrame, FRAME_BYTES, REQUESTS} from './frame.js';
import {MAX_BLOCKS} from './operations.js';
import type {Exchange, RpmbPort} from './port.js';
import {RESULTS, refusal, resultOf} from './results.js';

/** Which requests may be passed: programming a key is no one of them. */
export const PASSED = {
  read: [REQUESTS.writeCount, REQUESTS.read],
  write: [REQUESTS.write],
} as const;

/** The messages in `bytes`. A write of several blocks has as many frames; a read, as many in its answer: `blocks`. */
export function messagesIn(bytes: Uint8Array, way: keyof typeof PASSED, blocks = 1): Exchange[] {
  if (bytes.length === 0 || bytes.length % FRAME_BYTES !== 0) {
    throw new DekError('BAD_INPUT', `frames have ${FRAME_BYTES} bytes each, and ${bytes.length} came`);
  }
  if (blocks > MAX_BLOCKS) throw new DekError('BAD_ARGUMENT', `a request may read ${MAX_BLOCKS} blocks at most`);
  const messages: Exchange[] = [];
  for (let at = 0; at < bytes.length; ) {
    const {type, count} = decodeFrame(bytes, at / FRAME_BYTES);
    if (!(PASSED[way] as readonly number[]).includes(type)) {
      throw new DekError('BAD_INPUT', `frame ${at / FRAME_BYTES + 1} is no request to ${way}: its type is ${type}`);
    }
    const frames = type === REQUESTS.write ? count : 1;
    const end = at + frames * FRAME_BYTES;
    if (frames < 1 || frames > MAX_BLOCKS || end > bytes.length) {
      throw new DekError('BAD_INPUT', `frame ${at / FRAME_BYTES + 1} is the first of ${frames}, which are not there`);
    }
    const answers = type === REQUESTS.read ? blocks : 1;
    messages.push({frames: bytes.slice(at, end), isWrite: way === 'write', answers});
    at = end;
  }
  return messages;
}

/** Passes them, up to the first that is refused; calls `answered` with each answer. Throws the refusal. */
export function passFrames(
  port: RpmbPort,
  messages: readonly Exchange[],
  answered: (answer: Uint8Array) => void,
): void {
  for (const [i, message] of messages.entries()) {
    const answer = port.exchange(message);
    answered(answer);
    const {result} = decodeFrame(answer, message.answers - 1);
    if (resultOf(result) !== RESULTS.ok) throw refusal(port.name, `message ${i + 1} of ${messages.length}`, result);
  }
}
