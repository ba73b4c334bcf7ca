/** A clock of the day that jumps, for programs that are started by it (test/fleet/jumping-clock.c). */
import fs from 'node:fs';
import {join} from 'node:path';
import {compileProgram} from './process/compile.js';
import {temporaryDirectory} from './temporary-directory.js';

export const DAY = 86_400;

export class JumpingClock {
  readonly #directory = temporaryDirectory();
  readonly #file = join(this.#directory, 'offset');
  /** What stands before a program and its arguments. */
  readonly prefix: string[];

  constructor() {
    this.prefix = [compileProgram('fleet/jumping-clock.c'), this.#file];
    this.set(0);
  }

  /** From now on it is ahead by so many seconds; below 0, behind. */
  set(seconds: number): void {
    const bytes = new BigInt64Array([BigInt(seconds)]);
    // In its place: those who read it have it mapped.
    fs.writeFileSync(this.#file, bytes, {flag: fs.existsSync(this.#file) ? 'r+' : 'w'});
  }

  remove(): void {
    fs.rmSync(this.#directory, {recursive: true});
  }
}
