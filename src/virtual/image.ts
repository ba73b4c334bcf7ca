/**
 * The NVRAM image of a virtual ConnectX as a file. Processes on the NIC have it mapped, so it is only ever written in
 * place, a field at a time, and never replaced. The image holds import KEKs, credentials and the root key: buffers of
 * it are wiped.
 */

import {randomFillSync} from 'node:crypto';
import fs from 'node:fs';
import {DekError} from '../errors.js';
import {fstatNow, openNow} from '../files/stat.js';
import {systemError} from '../files/system-error.js';
import {IMAGE, IMAGE_BYTES, IMAGE_MAGIC, IMAGE_VERSION} from './image-layout.js';

/** Queue pairs and memory keys below these numbers are the firmware's own; 0x400 means something else in a UMR. */
const FIRST_QPN = 0x100;
const FIRST_MKEY = 0x1000;
const ROOT_KEY_BYTES = 32;

/** A place in the image and what to write there. */
export interface ImageWrite {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** The properties of a NIC that has been built but holds no keys yet. */
export function newImage(guid: bigint): Buffer {
  const image = Buffer.alloc(IMAGE_BYTES);
  image.write(IMAGE_MAGIC, IMAGE.magic, 'latin1');
  image.writeUInt32LE(IMAGE_VERSION, IMAGE.version);
  image.writeUInt32LE(IMAGE_BYTES, IMAGE.bytes);
  image.writeBigUInt64LE(guid, IMAGE.guid);
  randomFillSync(image, IMAGE.root_key, ROOT_KEY_BYTES);
  image.writeUInt32LE(1, IMAGE.next_object);
  image.writeBigUInt64LE(1n, IMAGE.next_serial);
  image.writeUInt32LE(FIRST_QPN, IMAGE.next_qpn);
  image.writeUInt32LE(FIRST_MKEY, IMAGE.next_mkey);
  image.writeUInt32LE(1, IMAGE.next_psv);
  return image;
}

/** Writes a new image, mode 0600. Throws EXISTS when there is one. */
export function createImage(path: string, image: Uint8Array): void {
  try {
    fs.writeFileSync(path, image, {flag: 'wx', mode: 0o600});
  } catch (error) {
    throw systemError('write', path, error);
  }
}

/**
 * The whole image as it is now. The caller wipes it. Throws NO_DEVICE when there is none, BAD_INPUT when it is no
 * image, cut short, or of another version.
 */
export function readImage(path: string): Buffer {
  const image = Buffer.alloc(IMAGE_BYTES + 1);
  const fd = openImage(path, fs.constants.O_RDONLY);
  let bytes: number;
  try {
    bytes = fs.readSync(fd, image, 0, image.length, 0);
  } finally {
    fs.closeSync(fd);
  }
  const magic = image.toString('latin1', IMAGE.magic, IMAGE.magic + IMAGE_MAGIC.length);
  if (bytes < 16 || magic !== IMAGE_MAGIC) {
    throw noImage(path);
  }
  const version = image.readUInt32LE(IMAGE.version);
  if (version !== IMAGE_VERSION) {
    throw new DekError('BAD_INPUT', `${path} has version ${version}, expected ${IMAGE_VERSION}`, {
      hint: 'make the virtual ConnectX anew with this dek',
    });
  }
  if (bytes !== IMAGE_BYTES || image.readUInt32LE(IMAGE.bytes) !== IMAGE_BYTES) {
    throw new DekError(
      'BAD_INPUT',
      `${path} has ${bytes > IMAGE_BYTES ? 'too many' : bytes} bytes, expected ${IMAGE_BYTES}`,
    );
  }
  return image.subarray(0, IMAGE_BYTES);
}

/** Writes in the order given, each in place. */
export function writeImage(path: string, writes: readonly ImageWrite[]): void {
  const fd = openImage(path, fs.constants.O_RDWR);
  try {
    for (const {offset, bytes} of writes) fs.writeSync(fd, bytes, 0, bytes.length, offset);
  } finally {
    fs.closeSync(fd);
  }
}

function openImage(path: string, access: number): number {
  let fd: number;
  try {
    fd = openNow(path, access);
  } catch (error) {
    throw systemError('read', path, error, {missing: 'NO_DEVICE'});
  }
  if (fstatNow(fd).isFile()) return fd;
  fs.closeSync(fd);
  throw noImage(path);
}

function noImage(path: string): DekError<'BAD_INPUT'> {
  return new DekError('BAD_INPUT', `${path} is not the image of a virtual ConnectX`);
}
