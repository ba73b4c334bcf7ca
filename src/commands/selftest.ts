import fs from 'node:fs';
import {DekCommand} from '../cli/base.js';
import {DekError} from '../errors.js';
import {secretKeeping} from '../memory/arena.js';
import type {Keeping} from '../memory/ffi.js';
import {lockableBytes} from '../memory/protect.js';
import {packageFile} from '../package.js';
import type {AesEngine} from '../wrap/aes/cipher.js';
import {ENGINES, type EngineLoader, engineToUnwrap, engineToWrap, tryEngine, withEngine} from '../wrap/aes/engine.js';
import {checkKnownAnswers, type KnownAnswerResult, type VectorSet} from '../wrap/known-answers.js';

interface EngineResult {
  name: AesEngine['name'];
  /** `wrong`: it loads, and a known answer comes out wrong. */
  state: 'right' | 'wrong' | 'missing';
}

interface SelftestResult {
  ok: boolean;
  total: number;
  failed: number;
  /** Those who compute AES here, and which of them many keys are given to. */
  engine: AesEngine['name'];
  engines: EngineResult[];
  /** How secrets are kept in memory here. */
  memory: MemoryResult;
  /** A vector is ok if every engine that is there computes it. */
  vectors: KnownAnswerResult[];
}

interface MemoryResult {
  /** A KEK, a credential, a single key: by memfd_secret(2), by mlock2(2), or not at all. */
  secrets: Keeping;
  /** Bytes that may be locked in all, of which columns of keys have what is left; null: no limit. */
  limit: number | null;
}

const SETS = ['rfc3394', 'dek', 'credential', 'kcv', 'dcv', 'nvidia'];

export default class Selftest extends DekCommand {
  static override summary = 'check the wrap engine against known answers';
  static override description =
    'Wraps and unwraps the test vectors of RFC 3394 and of this project, and unwraps what has to be refused, ' +
    'with each AES engine of this machine: libcrypto (used for many keys at once, if available), node:crypto and ' +
    '@noble/ciphers. Exits with 6 if an answer is wrong: do not trust any key of this machine then. Tells also how ' +
    'secrets are kept in memory here.';
  static override examples = ['dek selftest', 'dek selftest --json'];

  async run(): Promise<SelftestResult> {
    await this.parse(Selftest);
    const sets = SETS.map(readSet);
    const check = () => sets.flatMap(checkKnownAnswers);
    const engine = engineToWrap(Number.POSITIVE_INFINITY).name;
    engineToUnwrap(); // throws where there is none: then nothing is wrong, it is missing
    const engines: EngineResult[] = [];
    const vectors = check();
    for (const [name, load] of Object.entries(ENGINES) as [AesEngine['name'], EngineLoader][]) {
      const loaded = tryEngine(load);
      const results = loaded === undefined ? [] : withEngine(loaded.engine, check);
      results.forEach(({ok}, index) => {
        if (!ok) vectors[index]!.ok = false;
      });
      const state = loaded === undefined ? 'missing' : results.every(({ok}) => ok) ? 'right' : 'wrong';
      engines.push({name, state});
    }
    for (const {id, ok} of vectors) this.log(`${ok ? 'ok    ' : 'FAILED'} ${id}`);
    for (const {name, state} of engines) this.log(`engine ${name}: ${state}${name === engine ? ', in use' : ''}`);
    const memory = describeMemory();
    this.log(`memory: ${memoryText(memory)}`);
    const failed = vectors.filter(({ok}) => !ok).length;
    this.log(
      failed === 0
        ? `all ${vectors.length} known answers are right`
        : `${failed} of ${vectors.length} known answers are WRONG`,
    );
    // Not thrown: under --json the result itself, with what failed, is more use than an error.
    if (failed > 0) process.exitCode = new DekError('SELFTEST_FAILED', 'known answers are wrong').exitStatus;
    return {ok: failed === 0, total: vectors.length, failed, engine, engines, memory, vectors};
  }
}

function describeMemory(): MemoryResult {
  const limit = lockableBytes();
  return {secrets: secretKeeping(), limit: Number.isFinite(limit) ? limit : null};
}

const KEPT = {
  memfd_secret: 'secrets are locked in memory that the kernel itself does not map (memfd_secret)',
  mlock2: 'secrets are locked (mlock2)',
  none: 'secrets are NOT locked, and may be swapped out; ulimit -l, or LimitMEMLOCK= of a unit, sets the limit',
};

function memoryText({secrets, limit}: MemoryResult): string {
  if (secrets === 'none') return KEPT.none;
  const most = limit === null ? 'without a limit' : `up to ${Math.floor(limit / 1024)} KiB in all`;
  return `${KEPT[secrets]}, left out of dumps and forks; columns of keys are locked ${most}`;
}

function readSet(name: string): VectorSet {
  const url = packageFile(`vectors/${name}.json`);
  try {
    return JSON.parse(fs.readFileSync(url, 'utf8')) as VectorSet;
  } catch (cause) {
    throw new DekError('IO', `the known answers in ${url.pathname} cannot be read`, {hint: 'install dek again', cause});
  }
}
