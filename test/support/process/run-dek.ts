/** Runs the command line as a user does: bin/dek.cjs in a process of its own. */
import {type StdioOptions, spawn} from 'node:child_process';
import {fileURLToPath} from 'node:url';

/** The path of bin/dek.cjs. */
export const DEK = fileURLToPath(new URL('../../../../bin/dek.cjs', import.meta.url));

export interface Run {
  status: number | null;
  stdout: Buffer;
  stderr: string;
}

/** Runs `dek ARGS`. `input` is its standard input; `fds` become its descriptors from 3 on. */
export async function runDek(
  args: readonly string[],
  {input = '', fds = [], env = {}}: {input?: Uint8Array | string; fds?: number[]; env?: Record<string, string>} = {},
): Promise<Run> {
  const {stderr, ...more} = await run(process.execPath, [DEK, ...args], {input, fds, env});
  return {...more, stderr: withoutWaiting(stderr)};
}

/** Without what a command says while its input is late: on a busy machine alone. */
export function withoutWaiting(output: string): string {
  return output.replace(/^waiting for .*\n/gm, '');
}

/** Runs `dek ARGS` on a pseudo-terminal, by script(1) of Debian's bsdutils; both its outputs come as `stdout`. */
export async function runDekOnTerminal(args: readonly string[]): Promise<Run> {
  const quoted = [process.execPath, DEK, ...args].map((arg) => `'${arg}'`).join(' ');
  return run('script', ['--quiet', '--return', '--command', quoted, '/dev/null'], {});
}

/** Runs any program. */
export async function run(
  file: string,
  args: readonly string[],
  {input = '', fds = [], env = {}}: {input?: Uint8Array | string; fds?: number[]; env?: Record<string, string>},
): Promise<Run> {
  const stdio: StdioOptions = ['pipe', 'pipe', 'pipe', ...fds];
  const child = spawn(file, args, {stdio, env: {...process.env, ...env}});
  const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
  child.stdout!.on('data', (data: Buffer) => stdout.push(data));
  child.stderr!.on('data', (data: Buffer) => stderr.push(data));
  child.stdin!.on('error', () => {}); // it may end without having read
  child.stdin!.end(input);
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return {status, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString()};
}
