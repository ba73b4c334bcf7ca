/** A mount that never answers, as that of a server that is gone: a FUSE file system whose daemon reads no request. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';

export class HangingMount {
  readonly #directory: string;
  #daemon: number | undefined;

  /** Takes the place of `directory`. Undefined where this machine lets tests mount nothing. */
  static over(directory: string): HangingMount | undefined {
    try {
      return new HangingMount(directory);
    } catch {
      return undefined;
    }
  }

  private constructor(directory: string) {
    this.#directory = directory;
    const daemon = fs.openSync('/dev/fuse', 'r+');
    const options = 'fd=3,rootmode=40000,user_id=0,group_id=0';
    const words = ['-i', '-t', 'fuse', '-o', options, 'none', directory];
    const {status} = spawnSync('mount', words, {stdio: ['ignore', 'ignore', 'ignore', daemon]});
    if (status === 0) this.#daemon = daemon;
    else {
      fs.closeSync(daemon);
      throw new Error(`mount ended with ${status}`);
    }
  }

  /** What waits for it fails. */
  end(): void {
    if (this.#daemon === undefined) return;
    fs.closeSync(this.#daemon);
    this.#daemon = undefined;
    spawnSync('umount', ['-l', this.#directory]);
  }
}
