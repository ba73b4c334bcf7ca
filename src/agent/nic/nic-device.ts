/** The device context of a NIC. That the NIC is gone (EIO) is noticed wherever it shows first; only a new context works then. */

import type {DekState} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {type Dek, type Device, isCalled, type NicImportMode, openDevice} from '../../rdma/index.js';
import type {Events} from '../events.js';
import {retryBusy} from './retry.js';

export class NicDevice {
  /** `mlx5_0` */
  readonly name: string;
  readonly #events: Events;
  #device: Device;
  #gone = false;

  private constructor(device: Device, events: Events) {
    this.name = device.name;
    this.#device = device;
    this.#events = events;
  }

  /** Opens the NIC. Throws what `openDevice` throws. */
  static async open(deviceName: string | undefined, events: Events): Promise<NicDevice> {
    return new NicDevice(await openDevice(deviceName), events);
  }

  get device(): Device {
    return this.#device;
  }

  get gone(): boolean {
    return this.#gone;
  }

  get importMode(): NicImportMode {
    return this.#device.caps.importMode;
  }

  /** Whether `name` (mlx5_0, a PCI address, a node GUID) means this NIC. */
  isCalled(name: string): boolean {
    return isCalled(this.#device.info, name);
  }

  assertThere(): void {
    if (!this.#gone) return;
    throw new DekError('DEVICE_GONE', `${this.name} stopped answering`, {
      hint: 'the agent opens it anew when it is back',
    });
  }

  /** Throws what `call` throws. */
  watch<T>(call: () => T): T {
    try {
      return call();
    } catch (error) {
      this.notice(error);
      throw error;
    }
  }

  /** What `call` resolves with, errors among it. */
  async watchAll<T>(call: () => Promise<readonly T[]>): Promise<readonly T[]> {
    const results = await call();
    for (const result of results) this.notice(result);
    return results;
  }

  /** The state of each DEK, in order. */
  query(deks: readonly Dek[]): Promise<readonly (DekState | DekError)[]> {
    return this.watchAll(() => retryBusy(deks, (some) => this.#device.queryDeks(some)));
  }

  notice(error: unknown): void {
    if (!(error instanceof DekError) || error.code !== 'DEVICE_GONE' || this.#gone) return;
    this.#gone = true;
    this.#events.emit('error', 'device-gone', {device: this.name});
  }

  /** Opens the NIC anew. Resolves to the way to close the old context. Throws what `openDevice` throws while it is not back. */
  async reopen(): Promise<() => Promise<void>> {
    const old = this.#device;
    this.#device = await openDevice(this.name);
    this.#gone = false;
    return () => this.#close(old);
  }

  /** Destroys all DEKs, logs out, closes. Goes on where the NIC says no: the close, or the end of the process, frees all. */
  close(): Promise<void> {
    return this.#close(this.#device);
  }

  async #close(device: Device): Promise<void> {
    try {
      await device.closeAsync();
    } catch (error) {
      this.#events.emit('warn', 'close-failed', {device: this.name, error: (error as Error).message});
    }
  }
}
