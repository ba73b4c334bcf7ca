/** The RPMB of an eMMC, /dev/mmcblkNrpmb: Documentation/driver-api/mmc, the kernel's node for its frames. */
import fs from 'node:fs';
import {DekError, systemCode} from '../errors.js';
import {fstatNow} from '../files/stat.js';
import {systemError} from '../files/system-error.js';
import {runCommands} from './ffi.js';
import {BLOCK_BYTES, encodeFrames, FRAME_BYTES, REQUESTS} from './frame.js';
import type {Exchange, RpmbPort} from './port.js';

/** What raw_rpmb_size_mult counts: EXT_CSD RPMB_SIZE_MULT. */
const SIZE_UNIT_BYTES = 128 * 1024;

/** Opens the node. Throws NO_DEVICE when it is not there; PERMISSION; BAD_ARGUMENT for one that is no RPMB. */
export function openMmc(path: string): RpmbPort {
  let fd: number;
  try {
    fd = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_NONBLOCK | fs.constants.O_NOCTTY);
  } catch (error) {
    if (systemCode(error) === 'EISDIR') throw noRpmb(path);
    throw systemError('read', path, error, {missing: 'NO_DEVICE', hint: 'an eMMC has it as /dev/mmcblkNrpmb'});
  }
  try {
    const blocks = (sizeOf(fd, path) * SIZE_UNIT_BYTES) / BLOCK_BYTES;
    return new Mmc(fd, path, blocks);
  } catch (error) {
    fs.closeSync(fd);
    throw error;
  }
}

/** By the card's own register, which the kernel shows in sysfs, above the node. */
function sizeOf(fd: number, path: string): number {
  const stats = fstatNow(fd);
  if (!stats.isCharacterDevice()) throw noRpmb(path);
  const device = Number(stats.rdev);
  const major = (device >> 8) & 0xfff;
  const minor = (device & 0xff) | ((device >> 12) & 0xfff00);
  try {
    const size = Number(fs.readFileSync(`/sys/dev/char/${major}:${minor}/../raw_rpmb_size_mult`, 'latin1').trim());
    if (size > 0) return size;
  } catch {
    // It is another kind of device.
  }
  throw noRpmb(path);
}

function noRpmb(path: string): DekError {
  return new DekError('BAD_ARGUMENT', `${path} is no RPMB of an eMMC`, {hint: 'name /dev/mmcblkNrpmb'});
}

class Mmc implements RpmbPort {
  readonly name: string;
  readonly blocks: number;
  readonly #fd: number;

  constructor(fd: number, name: string, blocks: number) {
    this.#fd = fd;
    this.name = name;
    this.blocks = blocks;
  }

  exchange({frames, isWrite, answers}: Exchange): Uint8Array {
    const answer = new Uint8Array(new ArrayBuffer(answers * FRAME_BYTES));
    const asks = {bytes: encodeFrames([{type: REQUESTS.result}]), way: 'write'} as const;
    try {
      runCommands(this.#fd, [
        {bytes: frames, way: isWrite ? 'reliable write' : 'write'},
        ...(isWrite ? [asks] : []),
        {bytes: answer, way: 'read'},
      ]);
    } catch (error) {
      const errno = systemCode(error);
      throw new DekError('IO', `${this.name} did not take the frames: ${errno}`, {errno, cause: error});
    }
    return answer;
  }

  close(): void {
    fs.closeSync(this.#fd);
  }
}
