/**
 * What becomes of a process whose terminal has gone, as that of an ssh session that was cut. At its end Node puts each
 * terminal of 0, 1 and 2 back into the state in which it was found, and aborts where that fails; a descriptor that is
 * closed it leaves out.
 */
import {closeSync} from 'node:fs';
import {isatty} from 'node:tty';

/** From here on the process ends with its own exit status though its terminal goes. */
export function outliveTerminal(): void {
  const terminals = [0, 1, 2].filter(isatty);
  if (terminals.length === 0) return;
  process.once('exit', () => {
    for (const fd of terminals.filter((one) => !isatty(one))) {
      try {
        closeSync(fd);
      } catch {
        // closed already
      }
    }
  });
}
