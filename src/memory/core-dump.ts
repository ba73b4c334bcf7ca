/**
 * Keeps secrets out of core dumps, without FFI: core(5), /proc/PID/coredump_filter. Left out: the registers of each
 * thread, which the kernel writes into every core; a debugger of the same user or of root.
 */
import fs from 'node:fs';
import {systemCode} from '../errors.js';

const FILTER = '/proc/self/coredump_filter';

/**
 * From now on no mapping of this process goes into a core dump. Call it before the first secret is read. Where the
 * kernel was built without core dumps there is nothing to do; where the filter cannot be written, a warning goes to
 * stderr.
 */
export function excludeFromCoreDump(): void {
  try {
    fs.writeFileSync(FILTER, '0');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return;
    process.stderr.write(`warning: secrets may be in a core dump: ${FILTER} cannot be written: ${systemCode(error)}\n`);
  }
}
