/**
 * A virtual ConnectX in a directory:
 *
 *     DIR/mlx5_0.nvram        the NVRAM image of each device, mode 0600
 *     DIR/mlx5_0.ctx/         a file for each context that is open
 *     DIR/officer/import-kek  the crypto officer's copies, raw bytes, mode 0600
 *     DIR/officer/credential
 *     DIR/sysfs/              what $SYSFS_PATH names
 *     DIR/uverbs.so           what LD_PRELOAD names
 *
 * All devices of a directory get the same import KEK and credential, as an officer would load them.
 */

import {randomBytes, randomInt} from 'node:crypto';
import fs from 'node:fs';
import {join, resolve} from 'node:path';
import {assertInteger, hideKey, secretBytes, viewBytes, wipe} from '../bytes.js';
import {CREDENTIAL_BYTES} from '../dek-layout.js';
import {DekError} from '../errors.js';
import {withLock} from '../files/lock.js';
import {holdSignals} from '../signals.js';
import {inNewDirectory, listDirectory, pathError, shareWithGroup} from './directory.js';
import {createImage, type ImageWrite, newImage, readImage, writeImage} from './image.js';
import {assertKeepsUser, assertShimLoads, hasShim, shimOf, VIRTUAL} from './loaded.js';
import {ENGINES} from './properties.js';
import {reportFrom, type VirtualReport} from './report.js';
import {applySettings, type OfficerKey, type Settings} from './settings.js';
import {compileShim, packagedShim} from './shim.js';
import {hasFwctl, PCI_DEVICES, setFwctl, writeSysfs} from './sysfs.js';

/** Devices in one directory. */
const MAX_DEVICES = 16;

const FIRST_GUID = 0x506b4b0300c0ffeen;
/** Opaque to the dynamic linker in LD_PRELOAD: separators and its own variables. */
const UNUSABLE_IN_LD_PRELOAD = /[\s:$]/;

/** What to make a virtual ConnectX of. */
export interface CreateOptions {
  /** 1 to 16; 1 when left out. */
  readonly devices?: number | undefined;
  /** 16 or 32 bytes; 32 random ones when left out. */
  readonly kek?: Uint8Array | undefined;
  /** 24 bits; random when left out. */
  readonly kekId?: number | undefined;
  /** 40 bytes; random when left out. */
  readonly credential?: Uint8Array | undefined;
  /** 24 bits; random when left out. */
  readonly credentialId?: number | undefined;
  /**
   * A new NIC, in commissioning: no KEK and no credential is loaded, and the copies in its directory are those that an
   * officer may load.
   */
  readonly commissioning?: boolean | undefined;
  readonly settings?: Settings | undefined;
  /** The id of a group whose members may open the NICs as well; the caller has to be one. */
  readonly gid?: number | undefined;
  /** An uverbs.so that is compiled already: it is copied. */
  readonly shim?: string | undefined;
}

/** The virtual ConnectX of a directory. It has no handle on anything: nothing is to be closed. */
export class VirtualConnectX {
  readonly directory: string;
  /** `mlx5_0` and so on. */
  readonly devices: readonly string[];

  /** @internal `createVirtual()` and `openVirtual()` make them. */
  constructor(directory: string, devices: readonly string[]) {
    this.directory = directory;
    this.devices = devices;
  }

  /** The officer's raw copy of the first import KEK. */
  get kekFile(): string {
    return join(this.directory, 'officer', 'import-kek');
  }

  /** The officer's raw copy of the first credential, 40 bytes, not wrapped. */
  get credentialFile(): string {
    return join(this.directory, 'officer', 'credential');
  }

  /**
   * Where a program finds this NIC and no other.
   * @param base - the environment of the program without it
   * @returns a copy of `base` with LD_PRELOAD, SYSFS_PATH, SYSFS_PCI_DEVICES (for DPDK) and DEK_VIRTUAL
   * @throws nothing
   */
  environment(base: NodeJS.ProcessEnv = process.env): NodeJS.ProcessEnv {
    const preload = shimOf(this.directory);
    const others = (base['LD_PRELOAD'] ?? '').split(/[\s:]+/).filter((path) => path !== '' && path !== preload);
    return {
      ...base,
      LD_PRELOAD: [preload, ...others].join(':'),
      SYSFS_PATH: join(this.directory, 'sysfs'),
      SYSFS_PCI_DEVICES: join(this.directory, 'sysfs', PCI_DEVICES),
      [VIRTUAL]: this.directory,
    };
  }

  /**
   * @internal For `dek virtual exec`: throws UNSUPPORTED when `command` would be started with this environment, and
   *   without this NIC.
   */
  assertFoundBy([file]: readonly [string, ...string[]], env: NodeJS.ProcessEnv): void {
    assertShimLoads(this.directory, env);
    assertKeepsUser(file, env['PATH']);
  }

  /**
   * Changes a device. Processes that have it open see the change at once. Nothing is changed when it throws.
   * @param settings - what to change
   * @param device - `mlx5_0` and so on; all devices when left out
   * @throws DekError: BAD_ARGUMENT; NO_DEVICE; EXISTS for an id that is loaded; LIMIT when a table is full
   */
  set(settings: Settings, device?: string): void {
    const names = this.#named(device);
    try {
      // Not of the directory: that may be open to others, and who can open a file can keep its lock.
      withLock(this.#image(this.devices[0]!), () => {
        const plans = names.map((name) => planOf(this.#image(name), settings));
        for (const {path, writes} of plans) writeImage(path, writes);
        if (settings.fwctl !== undefined)
          for (const name of names) setFwctl(this.#sysfs, this.devices.indexOf(name), settings.fwctl);
      });
    } catch (error) {
      throw pathError(this.directory, error);
    }
  }

  /**
   * How a device is.
   * @param device - `mlx5_0` and so on; the first when left out
   * @returns its settings, what is loaded, and what is live on it
   * @throws DekError: NO_DEVICE, BAD_INPUT
   */
  show(device = this.devices[0]!): VirtualReport {
    const [name] = this.#named(device);
    const fwctl = hasFwctl(this.#sysfs, this.devices.indexOf(name!));
    return reportFrom(name!, join(this.directory, `${name}.ctx`), fwctl, () => readImage(this.#image(name!)));
  }

  #named(device: string | undefined): readonly string[] {
    if (device === undefined) return this.devices;
    if (this.devices.includes(device)) return [device];
    throw new DekError('NO_DEVICE', `no device ${hideKey(device)} in ${this.directory}`, {
      hint: `there is ${this.devices.join(', ')}`,
    });
  }

  get #sysfs(): string {
    return join(this.directory, 'sysfs');
  }

  #image(name: string): string {
    return join(this.directory, `${name}.nvram`);
  }
}

/**
 * Makes a virtual ConnectX in a directory, whole or not at all: what SIGINT, SIGTERM or SIGHUP interrupts is taken back
 * before the process ends.
 * @param directory - its path; empty or not there yet
 * @param options - devices, keys and settings
 * @returns the virtual ConnectX; nothing is to be closed
 * @throws DekError: EXISTS when the directory is not empty; BAD_ARGUMENT for a path that LD_PRELOAD cannot hold;
 *   UNSUPPORTED without a C compiler
 */
export async function createVirtual(directory: string, options: CreateOptions = {}): Promise<VirtualConnectX> {
  const {devices = 1, settings = {}, commissioning = false, gid, shim} = options;
  assertInteger(devices, 1, MAX_DEVICES, 'devices');
  const path = pathOf(directory);
  if (UNUSABLE_IN_LD_PRELOAD.test(path)) {
    throw new DekError('BAD_ARGUMENT', `the path ${path} has a space, a colon or a $ in it`, {
      hint: 'LD_PRELOAD cannot hold such a path; choose another directory',
    });
  }
  const kek = officerKey(options.kek, options.kekId, [32, 16], 'kek');
  const credential = officerKey(options.credential, options.credentialId, [CREDENTIAL_BYTES], 'credential');
  const names = Array.from({length: devices}, (_, index) => `mlx5_${index}`);
  const images = names.map((_, index) => newImage(FIRST_GUID + BigInt(index)));
  try {
    for (const image of images) {
      applySettings(image, commissioning ? NEW : {...DEFAULTS, keks: [kek], credentials: [credential]});
      applySettings(image, settings);
    }
    await holdSignals((interrupted) =>
      inNewDirectory(path, async () => {
        await placeShim(shimOf(path), shim);
        fs.writeFileSync(join(path, 'officer', 'import-kek'), kek.secret, {flag: 'wx', mode: 0o600});
        fs.writeFileSync(join(path, 'officer', 'credential'), credential.secret, {flag: 'wx', mode: 0o600});
        for (const [index, name] of names.entries()) {
          writeSysfs(join(path, 'sysfs'), index, FIRST_GUID + BigInt(index));
          createImage(join(path, `${name}.nvram`), images[index]!);
        }
        if (gid !== undefined) shareWithGroup(path, names, gid);
        if (await interrupted()) throw new DekError('IO', 'interrupted');
      }),
    );
  } finally {
    wipe(...images, kek.secret, credential.secret);
  }
  return new VirtualConnectX(path, names);
}

/**
 * Finds the virtual ConnectX that `createVirtual` made.
 * @param directory - its path
 * @returns the virtual ConnectX; nothing is to be closed
 * @throws DekError: NO_DEVICE when there is none; BAD_INPUT; BAD_ARGUMENT
 */
export function openVirtual(directory: string): VirtualConnectX {
  const path = pathOf(directory);
  const index = (name: string): number => Number(/^mlx5_(\d+)\.nvram$/.exec(name)?.[1] ?? -1);
  const images = listDirectory(path)
    .filter((name) => index(name) >= 0)
    .sort((a, b) => index(a) - index(b));
  if (images.length === 0 || !hasShim(path)) {
    throw new DekError('NO_DEVICE', `${directory} is not a virtual ConnectX`, {hint: 'dek virtual create makes one'});
  }
  for (const name of images) wipe(readImage(join(path, name)));
  const devices = images.map((name) => name.replace('.nvram', ''));
  return new VirtualConnectX(path, devices);
}

/** Throws BAD_ARGUMENT for what is no path, and for the empty one, which would be the working directory. */
function pathOf(directory: string): string {
  if (typeof directory !== 'string') throw new DekError('BAD_ARGUMENT', '"directory" expected a path');
  if (directory !== '') return resolve(directory);
  throw new DekError('BAD_ARGUMENT', 'the directory of a virtual ConnectX is empty');
}

/** What to write to the image at `path`; throws when it cannot be done. */
function planOf(path: string, settings: Settings): {path: string; writes: ImageWrite[]} {
  const image = readImage(path);
  try {
    return {path, writes: applySettings(image, settings)};
  } finally {
    wipe(image);
  }
}

const DEFAULTS: Settings = {
  importMode: 'wrapped',
  state: 'operational',
  engines: ENGINES,
  logMaxDeks: 17,
  parallel: 16,
};

/** As it comes from the factory. */
const NEW: Settings = {...DEFAULTS, state: 'commissioning'};

/** A copy of `secret`, or a random one of the first of `lengths`. */
function officerKey(secret: unknown, id: number | undefined, lengths: readonly number[], title: string): OfficerKey {
  const given = secret === undefined ? randomBytes(lengths[0]!) : viewBytes(secret, lengths, title);
  const copy = secretBytes(given.length);
  copy.set(given);
  if (secret === undefined) wipe(given);
  return {id: id ?? randomInt(1, 1 << 24), secret: copy};
}

async function placeShim(path: string, compiled = packagedShim()): Promise<void> {
  if (compiled === undefined) await compileShim(path);
  else fs.copyFileSync(compiled, path);
}
