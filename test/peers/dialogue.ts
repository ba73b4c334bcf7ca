/** A program on a virtual ConnectX that prints lines and is told some. */
import readline from 'node:readline';
import type {TestDevice} from '../support/device.js';

export interface Dialogue {
  /** The next line that it prints; '' when there is none any more. */
  line(): Promise<string>;
  say(line: string): void;
  /** Ends its standard input. */
  hangUp(): void;
  /** How it ended, and all that it printed. */
  end(): Promise<{status: number | string | null; output: string}>;
}

export function dialogue(device: TestDevice, program: string, args: readonly string[]): Dialogue {
  const child = device.spawn(program, args, {stdio: ['pipe', 'pipe', 'pipe']});
  const lines = readline.createInterface({input: child.stdout!})[Symbol.asyncIterator]();
  let output = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  child.stdin!.on('error', () => {}); // it may be gone: its end tells
  const ended = new Promise<{status: number | string | null; output: string}>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => resolve({status: signal ?? code, output}));
  });
  ended.catch(() => {}); // for who asks for it
  return {
    line: async () => (await lines.next()).value ?? '',
    say: (line) => child.stdin!.write(`${line}\n`),
    hangUp: () => child.stdin!.end(),
    end: () => ended,
  };
}
