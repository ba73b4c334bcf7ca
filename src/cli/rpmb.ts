/** What the commands of an RPMB share: its node, its key, an address in it. */
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {wipe} from '../bytes.js';
import type {Format} from '../custody/encoding.js';
import {readPublicText, readSecret} from '../custody/source.js';
import {SOURCE_FORMS} from '../custody/sources/table.js';
import {DekError} from '../errors.js';
import {protectSecrets} from '../memory/protect.js';
import {FRAME_BYTES, KEY_BYTES} from '../rpmb/frame.js';
import {openMmc} from '../rpmb/mmc.js';
import {messagesIn, type PASSED, passFrames} from '../rpmb/passed.js';
import type {RpmbPort} from '../rpmb/port.js';
import {formatFlag} from './flags/format-flag.js';
import {missingOption} from './usage-error.js';

export const deviceArg = Args.string({
  required: true,
  ignoreStdin: true,
  description: 'the RPMB of an eMMC, /dev/mmcblkNrpmb',
});

/** Of one file: an address has 16 bits, so that no RPMB has more blocks. */
const MAX_FRAMES = 2 ** 16;

/** `--key SOURCE` and `--key-format FORMAT`. */
export const keyFlags = {
  key: Flags.string({helpValue: 'SOURCE', description: `key of the RPMB (32 bytes): ${SOURCE_FORMS}`}),
  'key-format': formatFlag('the key', {dependsOn: ['key']}),
};

export const addressFlag = Flags.integer({
  helpValue: 'N',
  min: 0,
  max: 65_535,
  description: 'the first block, of 256 bytes each (default: 0)',
});

/** Frames that were made where the key is. */
export const framesFlag = (what: string) =>
  Flags.string({
    helpValue: 'FILE',
    description: `pass these frames, ${what}, unchanged, and give the answers back: a file, or - for stdin`,
    exclusive: ['key', 'address'],
  });

/** The values of `keyFlags`. */
export interface KeyOptions {
  key?: string | undefined;
  'key-format'?: Format | undefined;
}

/** Opens the node and calls `use` with it. Throws what `openMmc` throws. */
export async function withPort<T>(path: string, use: (port: RpmbPort) => T | Promise<T>): Promise<T> {
  const port = openMmc(path);
  try {
    return await use(port);
  } finally {
    port.close();
  }
}

/** Reads the key and calls `use` with it; it is wiped then. Throws BAD_ARGUMENT without one. */
export async function withKey<T>(
  {key: spec, 'key-format': format}: KeyOptions,
  use: (key: Uint8Array) => T | Promise<T>,
): Promise<T> {
  if (spec === undefined) throw missingOption('key');
  protectSecrets();
  const key = await readSecret(spec, [KEY_BYTES], 'key', format);
  try {
    return await use(key);
  } finally {
    wipe(key);
  }
}

/** What `file` holds: a multiple of `unit` bytes, at most `count` of them. Throws BAD_INPUT. */
export async function readBytes(file: string, unit: number, count: number): Promise<Uint8Array> {
  const bytes = await readPublicText(file, unit * count, 'data');
  if (bytes.length % unit === 0) return bytes;
  throw new DekError('BAD_INPUT', `${file} has ${bytes.length} bytes, expected a multiple of ${unit}`);
}

/**
 * Passes the frames of `file` and gives all answers to `give`, also when the last of them is a refusal, which is thrown
 * then.
 */
export async function passFile<T>(
  port: RpmbPort,
  file: string,
  {way, blocks}: {way: keyof typeof PASSED; blocks?: number},
  give: (answers: Uint8Array) => Promise<T>,
): Promise<T> {
  const messages = messagesIn(await readBytes(file, FRAME_BYTES, MAX_FRAMES), way, blocks);
  const answers: Uint8Array[] = [];
  let refused: unknown;
  try {
    passFrames(port, messages, (answer) => answers.push(answer));
  } catch (error) {
    if (answers.length === 0) throw error;
    refused = error;
  }
  const result = await give(Buffer.concat(answers));
  if (refused !== undefined) throw refused;
  return result;
}
