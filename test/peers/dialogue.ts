/** A program on a virtual ConnectX that prints lines and is told some. */
import readline from 'node:readline';
import type {TestDevice} from '../support/nic/device.js';

/** Far longer than ten million messages, or a million entries, take on a loaded machine. */
const LIMIT_MS = 3_600_000;

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
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  void ended.catch(() => {}).finally(() => clearTimeout(timer));
  return {
    line: async () => (await lines.next()).value ?? '',
    say: (line) => child.stdin!.write(`${line}\n`),
    hangUp: () => child.stdin!.end(),
    end: () => ended,
  };
}
