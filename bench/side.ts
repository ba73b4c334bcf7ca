/** A side of a bench: a program that takes a line on standard input for each round, and answers it with a line. */
import {type ChildProcess, spawn} from 'node:child_process';
import {once} from 'node:events';
import {createInterface} from 'node:readline';

export class Side {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(
    file: string,
    args: readonly string[],
    env: NodeJS.ProcessEnv = process.env,
    errors: 'inherit' | 'ignore' = 'inherit',
  ) {
    this.#process = spawn(file, args, {env, stdio: ['pipe', 'pipe', errors]});
    this.#lines = createInterface({input: this.#process.stdout!})[Symbol.asyncIterator]();
  }

  /** Returns the words of the answer. */
  ask(line: string): Promise<string[]> {
    this.#process.stdin!.write(`${line}\n`);
    return this.hear();
  }

  /** Returns the words of the next line. */
  async hear(): Promise<string[]> {
    const {value, done} = await this.#lines.next();
    if (done) throw new Error(`one side of the bench ended: ${this.#process.spawnargs.slice(0, 3).join(' ')}`);
    return (value as string).split(' ');
  }

  stop(): void {
    this.#process.stdin!.end();
  }

  /** Ends it, and waits for that. */
  async end(): Promise<void> {
    const isGone = this.#process.exitCode !== null || this.#process.signalCode !== null;
    const ended = isGone ? undefined : once(this.#process, 'exit');
    this.#process.kill();
    await ended;
  }
}
