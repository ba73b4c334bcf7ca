/**
 * A token's process: the module is code of others, and may crash, hang or end its process. It reads requests from
 * descriptor 3 and answers there, one by one, without ever waiting for anything else; when the other end goes, it goes.
 */
process.on('SIGUSR1', () => {}); // else Node opens its inspector, for any user of the machine; see src/cli/doors.ts

import fs from 'node:fs';
import {secretBytes, wipe} from '../bytes.js';
import {DekError} from '../errors.js';
import {loadKoffi} from '../koffi.js';
import {lockSecrets} from '../memory/protect.js';
import type {Handle} from './ffi.js';
import {generateAll, rewrapAll, unwrapAll, unwrapInLanes, wrapAll, wrapInLanes} from './keys.js';
import {
  ARGUMENT_BYTES,
  errorBytes,
  FRAME_BYTES,
  failuresOf,
  frameOf,
  jsonBytes,
  MAX_BYTES,
  type Open,
  parseArguments,
  parseFrame,
  parseJson,
  REQUEST,
} from './messages.js';
import {Session} from './session.js';
import type {KeyQuery} from './uri.js';

const SOCKET = 3;
let session: Session | undefined;
const keys: Handle[] = [];

/** The parts of the answer to a request. */
function answer(request: number, payload: Uint8Array): readonly Uint8Array[] {
  if (request === REQUEST.open) {
    const {modulePath, token} = parseJson<Open>(payload);
    session = new Session(modulePath, token);
    return [jsonBytes(session.token)];
  }
  if (session === undefined) throw new DekError('INTERNAL', 'no token is open');
  if (request === REQUEST.login) {
    session.login(payload);
    return [];
  }
  if (request === REQUEST.find) {
    const {handle, info} = session.findKey(parseJson<KeyQuery>(payload));
    keys.push(handle);
    return [jsonBytes(info)];
  }
  return [answerKeys(session, request, payload)].flat();
}

function answerKeys(session: Session, request: number, payload: Uint8Array): Uint8Array | Uint8Array[] {
  const {first, second, plaintextBytes} = parseArguments(payload);
  const bytes = payload.subarray(ARGUMENT_BYTES);
  const key = keys[first];
  if (key === undefined) throw new DekError('INTERNAL', 'there is no such key');
  switch (request) {
    case REQUEST.wrap:
      return (second === 1 ? wrapInLanes : wrapAll)(session, key, bytes, plaintextBytes);
    case REQUEST.unwrap: {
      const {keys: opened, failed} = (second === 1 ? unwrapInLanes : unwrapAll)(session, key, bytes, plaintextBytes);
      return [failuresOf(failed), opened];
    }
    case REQUEST.rewrap: {
      const {keys: rewrapped, failed} = rewrapAll(session, key, keys[second]!, bytes, plaintextBytes);
      return [failuresOf(failed), rewrapped];
    }
    case REQUEST.generate:
      return generateAll(session, key, second, plaintextBytes);
    case REQUEST.cmac:
      return session.cmac(key, bytes);
    default:
      throw new DekError('INTERNAL', 'there is no such request');
  }
}

/** Fills `bytes` from the socket; false when its other end has gone. */
function readAll(bytes: Uint8Array): boolean {
  for (let at = 0; at < bytes.length; ) {
    const read = fs.readSync(SOCKET, bytes, at, bytes.length - at, null);
    if (read === 0) return false;
    at += read;
  }
  return true;
}

function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(SOCKET, bytes, at);
}

/** prctl(2): this process ends with the one that started it, however that ends. Nobody traces it; it leaves no core. */
function tieToParent(): void {
  const prctl = loadKoffi()
    .load(null)
    .func('int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)');
  // Before the first secret: where the kernel allows neither, there will be none.
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) !== 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) !== 0) process.exit(1);
  if (process.ppid !== Number(process.argv[2])) process.exit(); // it has ended before that
}

const PR_SET_PDEATHSIG = 1;
const PR_SET_DUMPABLE = 4;
const SIGKILL = 9;

tieToParent();
lockSecrets();
const start = new Uint8Array(new ArrayBuffer(FRAME_BYTES));
while (readAll(start)) {
  const {length, byte} = parseFrame(start);
  if (length > MAX_BYTES) break;
  const payload = secretBytes(length);
  if (!readAll(payload)) break;
  let frame: Uint8Array;
  try {
    const parts = answer(byte, payload);
    frame = frameOf(0, ...parts);
    wipe(...parts);
  } catch (error) {
    frame = frameOf(1, errorBytes(error));
  }
  wipe(payload);
  writeAll(frame);
  wipe(frame);
}
process.exit();
