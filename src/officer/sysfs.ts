/** Where sysfs is: libibverbs finds its devices by the same variable, and the two have to agree. */
import {readFileSync} from 'node:fs';
import {join} from 'node:path';

/** `/sys`, or what SYSFS_PATH says. */
export function sysfs(): string {
  return process.env['SYSFS_PATH'] ?? '/sys';
}

/** An attribute of an RDMA device; undefined where the kernel tells none. */
export function attributeOf(device: string, attribute: string): string | undefined {
  try {
    return readFileSync(join(sysfs(), 'class', 'infiniband', device, attribute), 'utf8').trim() || undefined;
  } catch {
    return undefined;
  }
}
