/**
 * What checks look at, each thing asked for once and only if a check wants it: files of this host below `root`, the
 * libraries, NICs that are open as long as the checks run, the agent, the manifest.
 */
import fs from 'node:fs';
import {join} from 'node:path';
import {connectAgent} from '../agent/client.js';
import type {AgentStatus} from '../agent/protocol.js';
import {socketPath} from '../agent/socket-path.js';
import {DekError} from '../errors.js';
import {assertRegularFile} from '../files/small-file.js';
import {statNow} from '../files/stat.js';
import {isFleetUri} from '../fleet/uri.js';
import type {Offered} from '../manifest/acceptance/offer.js';
import {listDevices, openDevice} from '../nics.js';
import type {HcaCaps} from '../rdma/caps/hca-caps.js';
import {type Caps, type Device, type DeviceInfo, isCalled, libraryVersion} from '../rdma/index.js';

export interface SceneOptions {
  /** Only this NIC. */
  readonly device?: string | undefined;
  readonly socket?: string | undefined;
  /** The manifest, or a fleet; left out: the agent's. */
  readonly manifest?: string | undefined;
  /** Who may have signed it, for its signatures. */
  readonly allowedSigners?: string | undefined;
  /** A source of the import KEK, for its check value. */
  readonly kek?: string | undefined;
  /** Where the files of the host are; `/` but in a test. */
  readonly root?: string | undefined;
  /** The version of the kernel; this one's but in a test. */
  readonly kernel?: string | undefined;
}

/** What libmlx5 would read of a NIC, and what it does not read. */
export interface NicCaps {
  readonly caps: Caps;
  readonly hca: HcaCaps;
}

/** A value, or the error that came in its place. */
export type Asked<T> = T | DekError;

export class Scene {
  readonly options: SceneOptions;
  readonly #opened = new Map<string, Promise<Asked<Device>>>();
  readonly #caps = new Map<Device, NicCaps>();
  #devices: Asked<readonly DeviceInfo[]> | undefined;
  #agent: Promise<Asked<AgentStatus>> | undefined;
  #manifest: Promise<Asked<Offered> | undefined> | undefined;

  constructor(options: SceneOptions = {}) {
    this.options = options;
  }

  /** The release of rdma-core that is loaded, if its file tells. */
  release(): Asked<string | undefined> {
    return asked(() => libraryVersion());
  }

  /** The RDMA devices of this host, mlx5 or not, or what keeps them from being listed. */
  devices(): Asked<readonly DeviceInfo[]> {
    this.#devices ??= asked(() => {
      const {device} = this.options;
      const all = listDevices();
      return device === undefined ? all : all.filter((info) => isCalled(info, device));
    });
    return this.#devices;
  }

  /** The mlx5 devices that could be opened, with their names. */
  async nics(): Promise<readonly Device[]> {
    const devices = this.devices();
    if (devices instanceof DekError) return [];
    const opened = await Promise.all(devices.filter(({mlx5}) => mlx5).map(({name}) => this.open(name)));
    return opened.filter((device): device is Device => !(device instanceof DekError));
  }

  /** Opens a device, once. */
  open(name: string): Promise<Asked<Device>> {
    let opening = this.#opened.get(name);
    if (opening === undefined) {
      opening = askedAsync(() => openDevice(name));
      this.#opened.set(name, opening);
    }
    return opening;
  }

  /** What a NIC says of itself now. Throws DEVICE_GONE. */
  capsOf(nic: Device): NicCaps {
    let caps = this.#caps.get(nic);
    if (caps === undefined) {
      caps = {caps: nic.readCaps(), hca: nic.readHcaCaps()};
      this.#caps.set(nic, caps);
    }
    return caps;
  }

  get socket(): string {
    return socketPath(this.options.socket);
  }

  agent(): Promise<Asked<AgentStatus>> {
    this.#agent ??= askedAsync(async () => (await connectAgent(this.options.socket)).status());
    return this.#agent;
  }

  /** The path of the manifest: the one named, else the agent's; undefined: none is known. */
  async manifestPath(): Promise<string | undefined> {
    const {manifest} = this.options;
    if (manifest !== undefined && !isFleetUri(manifest)) return manifest;
    const status = await this.agent();
    return status instanceof DekError ? undefined : status.manifest?.path;
  }

  /** What it is, read whole; undefined where there is no manifest to look at. */
  manifest(): Promise<Asked<Offered> | undefined> {
    this.#manifest ??= this.manifestPath().then((path) => {
      if (path === undefined) return undefined;
      return askedAsync(async () => {
        const {readOffered} = await import('../manifest/acceptance/offer.js');
        const {chunksOf} = await import('../manifest/read.js');
        await assertRegularFile(path);
        return readOffered(chunksOf(path));
      });
    });
    return this.#manifest;
  }

  /** The text of a file of this host, or undefined. */
  text(path: string): string | undefined {
    try {
      const file = this.path(path);
      return statNow(file)?.isFile() ? fs.readFileSync(file, 'utf8') : undefined;
    } catch {
      return undefined;
    }
  }

  /** Whether this host has a file, which may be large, or not to be read by this user. */
  isThere(path: string): boolean {
    return fs.existsSync(this.path(path));
  }

  /** The names in a folder of this host; none where there is no folder. */
  names(path: string): readonly string[] {
    return namesIn(this.path(path));
  }

  /** The same of a folder of sysfs, where libibverbs finds it. */
  sysfsNames(path: string): readonly string[] {
    return namesIn(join(process.env['SYSFS_PATH'] ?? this.path('/sys'), path));
  }

  /** Where a file of this host is. */
  path(path: string): string {
    return join(this.options.root ?? '/', path);
  }

  /** Closes the NICs. */
  async close(): Promise<void> {
    for (const opening of this.#opened.values()) {
      const device = await opening;
      if (!(device instanceof DekError)) device[Symbol.dispose]();
    }
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return fs.readdirSync(folder).sort();
  } catch {
    return [];
  }
}

/** What `ask` returns, or the DekError that it throws. */
export function asked<T>(ask: () => T): Asked<T> {
  try {
    return ask();
  } catch (error) {
    if (error instanceof DekError) return error;
    throw error;
  }
}

/** The same of what takes time. */
export async function askedAsync<T>(ask: () => Promise<T>): Promise<Asked<T>> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof DekError) return error;
    throw error;
  }
}
