/**
 * The device context of a NIC. That the NIC is gone (EIO) is noticed wherever it shows first; only a new context works
 * then, and also when the NIC can do what it could not when it was opened: libmlx5 goes by what it read at the open.
 */
import type {DekState} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {nameNow, openDevice} from '../../nics.js';
import {type Dek, type Device, isCalled, type NicImportMode} from '../../rdma/index.js';
import {Sharing} from '../../rdma/shared/sharing.js';
import type {Events} from '../events.js';
import {retryBusy} from './retry.js';

export class NicDevice {
  readonly #events: Events;
  /** A service opened it: only the service can open it anew. */
  readonly #isLent: boolean;
  #device: Device;
  #sharing: Sharing;
  #gone = false;
  #maxDeks: number;

  private constructor(device: Device, events: Events, isLent: boolean) {
    this.#device = device;
    this.#sharing = new Sharing(device);
    this.#maxDeks = device.caps.maxDeks;
    this.#events = events;
    this.#isLent = isLent;
  }

  /** Opens the NIC. Throws what `openDevice` throws. */
  static async open(deviceName: string | undefined, events: Events): Promise<NicDevice> {
    return new NicDevice(await openDevice(deviceName), events, false);
  }

  /** The context that a service lends. */
  static lent(device: Device, events: Events): NicDevice {
    return new NicDevice(device, events, true);
  }

  /** The context of an agent before this one. */
  static takenUp(device: Device, events: Events): NicDevice {
    return new NicDevice(device, events, false);
  }

  /** `mlx5_0` */
  get name(): string {
    return this.#device.name;
  }

  get device(): Device {
    return this.#device;
  }

  /** The side of the context that a service shares. */
  get sharing(): Sharing {
    return this.#sharing;
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** How many commands on DEKs the NIC has answered since it was opened. */
  get answers(): number {
    return this.#device.answers;
  }

  get importMode(): NicImportMode {
    return this.#device.caps.importMode;
  }

  /** DEKs that it can hold for all processes together, as it said last; 0 when it did not. */
  get maxDeks(): number {
    return this.#maxDeks;
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

  /** What `call` of the device resolves with. Rejects with what it rejects with. */
  async watch<T>(call: (device: Device) => Promise<T>): Promise<T> {
    const device = this.#device;
    try {
      return await call(device);
    } catch (error) {
      this.#notice(error, device);
      throw error;
    }
  }

  /** What `call` of the device resolves with, errors among it. */
  async watchAll<T>(call: (device: Device) => Promise<readonly T[]>): Promise<readonly T[]> {
    const device = this.#device;
    const results = await call(device);
    for (const result of results) this.#notice(result, device);
    return results;
  }

  /** The state of each DEK, in order. */
  query(deks: readonly Dek[]): Promise<readonly (DekState | DekError)[]> {
    return this.watchAll((device) => retryBusy(deks, (some) => device.queryDeks(some)));
  }

  notice(error: unknown): void {
    this.#notice(error, this.#device);
  }

  /** What was said of a context that was given up since says nothing of the one that is open now. */
  #notice(error: unknown, device: Device): void {
    if (!(error instanceof DekError) || error.code !== 'DEVICE_GONE' || this.#gone || device !== this.#device) return;
    this.#gone = true;
    this.#events.emit('error', 'device-gone', {device: this.name});
  }

  /**
   * Asks the NIC what its crypto can do now: whether only a new context works, or can tell. Throws what keeps a command
   * from the NIC.
   */
  async isOutdated(): Promise<boolean> {
    if (this.#gone) return true;
    if (this.#isLent) return false;
    const {caps} = this.#device;
    // Only an open tells of the engines.
    if (caps.engines.length === 0) return true;
    try {
      const {importMode, operational, maxDeks} = await this.watch((device) => device.readCapsAsync());
      if (importMode === 'unknown') return false;
      this.#maxDeks = maxDeks;
      // One that is no more operational needs no new context when it is again.
      return importMode !== caps.importMode || (operational && !caps.operational);
    } catch (error) {
      if (this.#gone) return true;
      throw error;
    }
  }

  /**
   * Opens the NIC anew. Resolves to the way to close the old context. Throws what `openDevice` throws while it is not
   * back.
   */
  async reopen(): Promise<() => Promise<void>> {
    if (this.#isLent) this.assertThere();
    const old = this.#device;
    this.#device = await openDevice(nameNow(old.info));
    this.#sharing = new Sharing(this.#device);
    this.#maxDeks = this.#device.caps.maxDeks;
    this.#gone = false;
    return () => this.#close(old);
  }

  /** Gives the context up: the next check opens the NIC anew, and makes all again. */
  abandon(): void {
    this.#gone = true;
  }

  /**
   * Destroys all DEKs, logs out, closes. Goes on where the NIC says no: the close, or the end of the process, frees
   * all.
   */
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
