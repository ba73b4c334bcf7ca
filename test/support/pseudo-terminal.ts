/** A command on a terminal of its own, by script(1): so wide, and with a keyboard. */
import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {until} from './until.js';

const CTRL_C = '\x03';

export class PseudoTerminal {
  readonly #child: ChildProcess;
  /** All that was written to it so far, with ␛ for the character that begins what moves the cursor or colours. */
  text = '';

  /** Runs `command`, words of a shell, with `exec`. */
  constructor(
    command: string,
    {columns, rows = 24, env = {}}: {columns: number; rows?: number; env?: NodeJS.ProcessEnv},
  ) {
    this.#child = spawn('script', ['-qefc', `stty cols ${columns} rows ${rows}; exec ${command}`, '/dev/null'], {
      env: {...process.env, COLUMNS: undefined, NO_COLOR: undefined, TERM: 'xterm', ...env},
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#child.stdout!.setEncoding('utf8').on('data', (piece: string) => {
      this.text += piece.replaceAll('\x1b', '␛');
    });
  }

  /** Waits until `pattern` is in what was written. */
  async shows(pattern: RegExp): Promise<void> {
    await until(async () => pattern.test(this.text), `${pattern} on the terminal`);
  }

  /** Ctrl-C, as a person presses it. */
  interrupt(): void {
    this.#child.stdin!.write(CTRL_C);
  }

  /** The exit status, when it has ended. */
  async exit(): Promise<number | null> {
    if (this.#child.exitCode === null) await once(this.#child, 'close');
    return this.#child.exitCode;
  }

  /** Ends it, if it has not. */
  kill(): void {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  }
}
