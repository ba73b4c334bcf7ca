/** A server and a client of another project on a virtual ConnectX: two processes that talk to each other. */
import type {ChildProcess} from 'node:child_process';
import fs from 'node:fs';
import {createServer} from 'node:net';
import type {TestDevice} from '../support/nic/device.js';

/** How long a pair may take. */
const LIMIT_MS = 120_000;

/** Each process: its words, and what it printed. */
interface Ended {
  readonly words: readonly string[];
  readonly status: number | string | null;
  readonly output: string;
}

/** A command as both sides are given it; `client` is told where the server is. */
export interface Pair {
  readonly command: string;
  readonly words: readonly string[];
  /** Words of the client alone. */
  readonly clientWords?: readonly string[];
  /** Of the two sides, when they use a NIC each. */
  readonly devices?: readonly [string, string];
}

/**
 * Runs a server and a client to their ends.
 * @returns what is wrong, a line each
 */
export async function runPair(
  device: TestDevice,
  {command, words, clientWords = [], devices}: Pair,
): Promise<string[]> {
  const port = String(await freePort());
  const side = (name = 'mlx5_0'): string[] => ['-p', port, '-d', name, ...words];
  const running: ChildProcess[] = [];
  const start = (args: readonly string[]): Promise<Ended> => {
    const child = device.spawn(command, args, {stdio: ['ignore', 'pipe', 'pipe']});
    running.push(child);
    return end(child, [command, ...args]);
  };
  const timer = setTimeout(() => {
    for (const child of running) child.kill('SIGKILL');
  }, LIMIT_MS);
  try {
    const server = start(side(devices?.[0]));
    await listening(port, server);
    const ended = await Promise.all([server, start([...side(devices?.[1]), ...clientWords, 'localhost'])]);
    return ended
      .filter(({status}) => status !== 0)
      .map(({words, status, output}) => `${words.join(' ')}: ${status}: ${output.trim().slice(-400)}`);
  } finally {
    clearTimeout(timer);
    for (const child of running) child.kill('SIGKILL'); // one that still waits for the other
  }
}

function end(child: ChildProcess, words: readonly string[]): Promise<Ended> {
  const output: Buffer[] = [];
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', (data: Buffer) => output.push(data));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) =>
      resolve({words, status: signal ?? code, output: Buffer.concat(output).toString()}),
    );
  });
}

/** A port that was free a moment ago. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, () => {
      const {port} = server.address() as {port: number};
      server.close(() => resolve(port));
    });
  });
}

/** Waits until somebody listens on a port, or the server has ended. */
async function listening(port: string, server: Promise<Ended>): Promise<void> {
  const hex = Number(port).toString(16).toUpperCase().padStart(4, '0');
  let over = false;
  server.finally(() => (over = true)).catch(() => {});
  for (const until = Date.now() + LIMIT_MS; !over && Date.now() < until; ) {
    const text = ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => fs.readFileSync(file, 'utf8')).join('');
    if (new RegExp(`:${hex} [0-9A-F:]+ 0A `).test(text)) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
