/**
 * Preloaded (`node --import`) into a command: when it is done it writes its peak resident memory, in KiB, to descriptor
 * 3.
 */
import fs from 'node:fs';

process.on('exit', () => fs.writeSync(3, `${process.resourceUsage().maxRSS}`));
