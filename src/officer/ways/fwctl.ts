/**
 * fwctl: Linux 6.15 and later, module mlx5_fwctl, /dev/fwctl/fwctlN of root's. sysfs tells which NIC each is of
 * (Documentation/userspace-api/fwctl). Left out: its scopes for debugging, which taint the kernel.
 */
import {closeSync, openSync, readdirSync, realpathSync} from 'node:fs';
import {constants, release} from 'node:os';
import {basename, join} from 'node:path';
import {DekError, systemCode} from '../../errors.js';
import type {DeviceInfo} from '../../rdma/index.js';
import {errnoName} from '../../rdma/refusal/errno-name.js';
import {sysfs} from '../sysfs.js';
import {fwctlRpc, fwctlType} from './ffi.js';
import type {Way} from './way.js';

/** Linux 6.15. */
const [MAJOR, MINOR] = [6, 15];
const DEVICE_TYPE_MLX5 = 1;
/** To mlx5_fwctl a write of a register is configuration, a read of one is debug information. */
const SCOPE = {configuration: 0, debugReadOnly: 1} as const;
const ACCESS_REG = 0x805;

/** Opens the one of this NIC. Throws UNSUPPORTED, PERMISSION, IO, with the reason alone as message. */
export function openFwctl({pciAddress}: DeviceInfo): Way {
  const path = `/dev/fwctl/${nodeOf(pciAddress)}`;
  const fd = open(path);
  try {
    const {type, errno} = fwctlType(fd);
    if (errno !== 0) throw failed(errno);
    if (type !== DEVICE_TYPE_MLX5) throw new DekError('UNSUPPORTED', `${path} is of another driver than mlx5`);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    name: 'fwctl',
    opcode: ACCESS_REG,
    run: (in_, out, write) => {
      const errno = fwctlRpc(fd, write ? SCOPE.configuration : SCOPE.debugReadOnly, in_, out);
      if (errno !== 0) throw failed(errno);
    },
    close: () => closeSync(fd),
  };
}

/** `fwctl0` */
function nodeOf(pciAddress: string | undefined): string {
  if (pciAddress === undefined) throw new DekError('UNSUPPORTED', 'it is no PCI function of its own');
  const folder = join(sysfs(), 'class', 'fwctl');
  const found = namesIn(folder).find((name) => pciOf(join(folder, name, 'device')) === pciAddress);
  if (found !== undefined) return found;
  const [major = 0, minor = 0] = release().split('.').map(Number.parseFloat);
  if (major < MAJOR || (major === MAJOR && minor < MINOR)) {
    throw new DekError('UNSUPPORTED', `this kernel is ${release()}, and fwctl came with Linux ${MAJOR}.${MINOR}`, {
      hint: 'boot a later kernel',
    });
  }
  throw new DekError('UNSUPPORTED', `the kernel has no fwctl for ${pciAddress}`, {hint: 'modprobe mlx5_fwctl'});
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function pciOf(link: string): string | undefined {
  try {
    return basename(realpathSync(link));
  } catch {
    return undefined;
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'r+');
  } catch (error) {
    const errno = systemCode(error);
    if (errno === 'EACCES' || errno === 'EPERM') {
      throw new DekError('PERMISSION', `this user may not open ${path}`, {hint: 'run it as root', errno});
    }
    if (errno === 'ENOENT') {
      throw new DekError('UNSUPPORTED', `there is no ${path}`, {hint: 'pass it to the container', errno});
    }
    if (errno === 'ENODEV' || errno === 'ENXIO') throw gone(errno);
    throw new DekError('IO', `cannot open ${path} (${errno})`, {errno, cause: error});
  }
}

const {ENODEV, EPERM, EACCES} = constants.errno;

function failed(errno: number): DekError {
  const name = errnoName(errno);
  if (errno === ENODEV) return gone(name);
  if (errno === EPERM || errno === EACCES) return new DekError('PERMISSION', 'the kernel refused it', {errno: name});
  return new DekError('UNSUPPORTED', `the kernel did not pass the command (${name})`, {errno: name});
}

function gone(errno: string): DekError {
  return new DekError('DEVICE_GONE', 'the NIC is gone', {hint: 'look for mlx5_core in the kernel log', errno});
}
