/** A virtual ConnectX whose firmware hangs: commands of one kind do not come back, longer than any test waits. */
import {join} from 'node:path';
import {readImage, writeImage} from '../../../src/virtual/image.js';
import {IMAGE} from '../../../src/virtual/image-layout.js';
import type {ServiceTimes} from '../../../src/virtual/service.js';
import type {TestDevice} from './device.js';

/** Less than the ten minutes from which on the shim takes such a time for one of before a reboot. */
const HANGS_NS = 540_000_000_000n;

export class HungFirmware {
  readonly #image: string;
  readonly #until = process.hrtime.bigint() + HANGS_NS;

  /** From now on; the commands of other kinds go on. */
  constructor({nic, directory}: TestDevice, kind: keyof ServiceTimes) {
    this.#image = join(directory, 'mlx5_0.nvram');
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(this.#until);
    writeImage(this.#image, [{offset: IMAGE.firmware_free, bytes}]); // the firmware is at work until then
    nic.set({serviceUs: {[kind]: 1}});
  }

  /** Whether it was given such a command. */
  get hasOne(): boolean {
    return readImage(this.#image).readBigUInt64LE(IMAGE.firmware_free) !== this.#until;
  }
}
