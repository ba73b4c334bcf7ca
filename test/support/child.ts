/**
 * Runs functions in a child process whose environment puts the virtual ConnectX under libibverbs (LD_PRELOAD counts
 * only at start), and where a crash is a failed test instead of the end of all tests. A function goes over as its
 * source: it sees its parameters and nothing else.
 */
import {type ChildProcess, fork} from 'node:child_process';
import {fileURLToPath} from 'node:url';
import type {Kit} from './child-main.js';

type Answer = {ok: true; value: unknown} | {ok: false; message: string; stack: string};

export class Child {
  readonly #process: ChildProcess;
  stderr = '';

  constructor(env: NodeJS.ProcessEnv = {}, execArgv: string[] = []) {
    const main = fileURLToPath(new URL('./child-main.js', import.meta.url));
    this.#process = fork(main, {env: {...process.env, ...env}, execArgv, stdio: ['ignore', 'inherit', 'pipe', 'ipc']});
    this.#process.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
  }

  /** What `body` returns there (as JSON), or its error. `args` go over as JSON. Fails when the process dies. */
  run<T, A>(body: (kit: Kit, args: A) => T | Promise<T>, args?: A): Promise<T> {
    return new Promise((resolve, reject) => {
      const died = (code: number | null, signal: string | null) =>
        reject(new Error(`the child process died: ${signal ?? `exit ${code}`}\n${this.stderr}`));
      this.#process.once('exit', died);
      this.#process.once('message', (answer: Answer) => {
        this.#process.off('exit', died);
        if (answer.ok) resolve(answer.value as T);
        else reject(Object.assign(new Error(answer.message), {stack: answer.stack}));
      });
      this.#process.send({source: body.toString(), args});
    });
  }

  /** Ends the process and waits for that. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => this.#process.once('exit', resolve));
    this.#process.kill(signal);
    await ended;
  }
}
