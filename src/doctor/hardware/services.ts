/**
 * A service in C on DEKs of an agent: the example of libmlx5dek (client/examples/blockstore.c) by both roads, lend and
 * attach. Compiled where there is a compiler; the agent is one of this process, and ends with it.
 */
import {execFile, spawn} from 'node:child_process';
import {randomUUID} from 'node:crypto';
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {promisify} from 'node:util';
import {layoutOf} from '../../dek-layout.js';
import {systemCode} from '../../errors.js';
import {writeWholeFile} from '../../files/whole-file.js';
import {type ManifestDek, newEdition, writeManifest} from '../../manifest/index.js';
import {packageFile} from '../../package.js';
import {hearSignals, raiseAgain} from '../../signals.js';
import {type Bench, type Experiment, NO_LOGIN, statusIn, type Trial, trial} from './bench.js';
import {type Subject, subjectOf} from './subject.js';

const ROADS = ['lend', 'attach'] as const;
/** How long each moves data, and how long it may take in all. */
const SECONDS = 1;
const TIMEOUT_MS = 120_000;
const BLOCKS = 1024;

export const services: Experiment = {
  title: 'a service in C by lend and attach',
  numbers: [],
  async run(bench) {
    const none = (why: string): {trials: Trial[]} => ({
      trials: ROADS.map((road) => trial(titleOf(road), undefined, why)),
    });
    const {material, nic, runsService} = bench;
    if (!runsService) return none('--no-service');
    if (nic.readCaps().importMode === 'plaintext') return none('the agent makes wrapped DEKs of its manifest');
    if (!material?.header.login) return none(NO_LOGIN);
    const [plain, tagged] = [await subjectOf(bench, layoutOf(256, false)), await subjectOf(bench, layoutOf(256, true))];
    if (typeof plain === 'string') return none(plain);
    if (typeof tagged === 'string') return none(tagged);
    if (tagged.keytagValue === null) return none('the keytag of the DEK is not known');
    let interrupted: NodeJS.Signals | undefined;
    const stopping = new AbortController();
    const letGo = hearSignals((signal) => {
      interrupted ??= signal;
      stopping.abort();
    });
    const folder = fs.mkdtempSync(join(tmpdir(), 'dek-hardware-'));
    try {
      const program = join(folder, 'blockstore');
      const why = await compile(program, folder, stopping.signal);
      if (why !== undefined) return none(why);
      const manifest = join(folder, 'manifest');
      await write(manifest, bench, {plain, tagged});
      const trials: Trial[] = [];
      for (const road of ROADS) trials.push(await played(road, nic.name, folder, stopping.signal));
      return {trials};
    } finally {
      fs.rmSync(folder, {recursive: true, force: true, maxRetries: 5, retryDelay: 100}); // cc may end a moment later
      letGo();
      raiseAgain(interrupted);
    }
  },
};

function titleOf(road: string): string {
  return `a service in C, by ${road}`;
}

/** Why it cannot be. */
async function compile(program: string, folder: string, signal: AbortSignal): Promise<string | undefined> {
  const client = fileURLToPath(packageFile('client'));
  const sources = [join(client, 'examples/blockstore.c'), join(client, 'mlx5dek.c')];
  if (!sources.every((path) => fs.existsSync(path))) return 'the sources of libmlx5dek are not installed here';
  const args = ['-std=gnu11', '-O2', '-pthread', `-I${client}`, '-o', program, ...sources, '-lmlx5', '-libverbs'];
  try {
    // Not on the virtual ConnectX, if this is one: a compiler has other descriptors to close.
    await promisify(execFile)('cc', args, {signal, env: {...process.env, LD_PRELOAD: '', TMPDIR: folder}});
    return undefined;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return 'no C compiler (cc) is here';
    return 'cc could not compile it; libibverbs-dev has the headers that it needs';
  }
}

async function write(path: string, {nic, material}: Bench, deks: Readonly<Record<string, Subject>>): Promise<void> {
  const header = {
    edition: newEdition(),
    devices: [nic.name],
    importKekKcv: material!.header.importKekKcv,
    login: material!.header.login,
  };
  const entries = Object.entries(deks).map(([name, {options, keytagValue}]): ManifestDek => {
    const {keySize, keytag, wrapped} = options;
    const value = keytagValue === null ? {} : {keytagValue};
    return {name, keySize, keytag, wrapped: wrapped!, opaque: new Uint8Array(), ...value};
  });
  await writeWholeFile(path, writeManifest(header, entries), {force: false, isSecret: true});
}

/** An agent, and the service on it. */
async function played(road: (typeof ROADS)[number], nic: string, folder: string, signal: AbortSignal): Promise<Trial> {
  const {startAgent} = await import('../../agent/agent.js');
  const socket = join(folder, `${road}.sock`);
  try {
    const agent = await startAgent({
      devices: [nic],
      socket,
      manifest: join(folder, 'manifest'),
      gate: {allowedSigners: undefined, threshold: 1, release: undefined, host: undefined},
      groupMayAttach: false,
      query: true,
      explains: true,
      checkIntervalMs: 1000,
      logLevel: 'error',
      lends: road === 'lend',
      releaseWithinMs: undefined,
      allowOldKernel: false,
      signal,
    });
    try {
      const {status, said} = await run(join(folder, 'blockstore'), road, nic, socket, folder, signal);
      return trial(titleOf(road), status === 0, said);
    } finally {
      await agent.close();
    }
  } catch (error) {
    return trial(titleOf(road), false, `the agent did not start: ${statusIn(error)}`);
  }
}

async function run(
  program: string,
  road: string,
  nic: string,
  socket: string,
  folder: string,
  signal: AbortSignal,
): Promise<{status: number | null; said: string}> {
  const args = [`--${road}`, '--socket', socket, '--nic', nic, '--seconds', `${SECONDS}`, '--blocks', `${BLOCKS}`];
  const ending = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const child = spawn(program, [...args, join(folder, randomUUID()), 'plain', 'tagged'], {
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: ending,
    killSignal: 'SIGKILL',
  });
  let [out, errors] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const status = await new Promise<number | null>((resolve) => {
    child.once('error', () => {}); // of the signal, or of the start: it closes as well
    child.once('close', (code) => resolve(code));
  });
  const counts = Object.fromEntries(Array.from(out.matchAll(/^(\w+) (\d+)$/gm), ([, word, count]) => [word, count]));
  if (counts['wrong'] !== undefined) {
    const {reads, writes, wrong, failed} = counts;
    return {status, said: `${writes} blocks written, ${reads} read, ${wrong} of them wrong, ${failed} failed`};
  }
  const last = errors.trim().split('\n').at(-1) ?? '';
  return {status, said: `it ended with ${status ?? 'a signal'}: ${last.replaceAll(folder, '')}`};
}
