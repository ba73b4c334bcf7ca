/**
 * What every command shares: `--json`, errors with their exit status, and the habit that `run()` returns one value of
 * which the text is a rendering (`this.log` prints nothing under `--json`).
 */
import {Command} from '@oclif/core';
import {printError} from './print-error.js';

export abstract class DekCommand extends Command {
  static override enableJsonFlag = true;

  /** Tells the person at the terminal something that is not data: on stderr, and not under `--json`. */
  protected note(text: string): void {
    if (!this.jsonEnabled()) process.stderr.write(`${text}\n`);
  }

  /** oclif hands every error of `run()` to this. */
  protected override async catch(error: unknown): Promise<void> {
    const command = `${this.config.bin} ${(this.id ?? '').replaceAll(':', ' ')}`;
    printError(error, {json: this.jsonEnabled(), command});
  }
}
