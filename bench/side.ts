/** A side of a bench: a program that takes a line on standard input for each round, and answers it with a line. */
import {type ChildProcess, spawn} from 'node:child_process';
import {createInterface} from 'node:readline';

export class Side {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  constructor(file: string, args: readonly string[], env: NodeJS.ProcessEnv = process.env) {
    this.#process = spawn(file, args, {env, stdio: ['pipe', 'pipe', 'inherit']});
    this.#lines = createInterface({input: this.#process.stdout!})[Symbol.asyncIterator]();
  }

  /** Returns the words of the answer. */
  async ask(line: string): Promise<string[]> {
    this.#process.stdin!.write(`${line}\n`);
    const {value, done} = await this.#lines.next();
    if (done) throw new Error(`one side of the bench ended: ${this.#process.spawnargs.slice(0, 3).join(' ')}`);
    return (value as string).split(' ');
  }

  stop(): void {
    this.#process.stdin!.end();
  }
}
