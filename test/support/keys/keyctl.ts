/** keyctl(1) of keyutils, the other user of the kernel's keyrings. */
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';

/**
 * Runs `keyctl ARGS` in a session of its own that has the ring of the user in it, as a login by PAM makes one: else the
 * keys there are not its to use. Returns what it prints.
 */
export function keyctl(args: readonly string[], input: Uint8Array | string = ''): string {
  const script = 'keyctl link @u @s && exec keyctl "$@"';
  return execFileSync('keyctl', ['session', '-', 'sh', '-c', script, 'sh', ...args], {
    input,
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'ignore'],
  }).trim();
}

/** Takes all keys out of the ring of the user that have `mark` in their description, whatever has become of them. */
export function forgetKeys(mark: string): void {
  const keys = fs.existsSync('/proc/keys') ? fs.readFileSync('/proc/keys', 'utf8') : '';
  for (const line of keys.split('\n')) {
    if (line.includes(mark)) keyctl(['unlink', `${Number.parseInt(line, 16)}`, '@u']);
  }
}
