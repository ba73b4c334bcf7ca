/** The name of this host, as its administrator has set it: hostname(5). */
import {readFileSync} from 'node:fs';
import {hostname} from 'node:os';

/** The static name; where there is none, the name that the kernel has now. */
export function staticHostName(path = '/etc/hostname'): string {
  try {
    const lines = readFileSync(path, 'latin1').split('\n');
    const name = lines.map((line) => line.trim()).find((line) => line !== '' && !line.startsWith('#'));
    if (name !== undefined) return name;
  } catch {
    // none is set
  }
  return hostname();
}
