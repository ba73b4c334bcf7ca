import fs from 'node:fs';
import {DekCommand} from '../cli/base.js';
import {DekError} from '../errors.js';
import {packageFile} from '../package.js';
import {checkKnownAnswers, type KnownAnswerResult, type VectorSet} from '../wrap/known-answers.js';

interface SelftestResult {
  ok: boolean;
  total: number;
  failed: number;
  vectors: KnownAnswerResult[];
}

const SETS = ['rfc3394', 'dek', 'credential', 'kcv'];

export default class Selftest extends DekCommand {
  static override summary = 'check the wrap engine against known answers on this machine';
  static override description =
    'Runs the vectors of RFC 3394 and of this project through wrap and unwrap, and what has to be refused through ' +
    'unwrap. Exits with 6 when one comes out wrong: then no key of this machine can be trusted.';
  static override examples = ['<%= config.bin %> <%= command.id %>', '<%= config.bin %> <%= command.id %> --json'];

  async run(): Promise<SelftestResult> {
    await this.parse(Selftest);
    const vectors = SETS.flatMap((name) => checkKnownAnswers(readSet(name)));
    for (const {id, ok} of vectors) this.log(`${ok ? 'ok    ' : 'FAILED'} ${id}`);
    const failed = vectors.filter(({ok}) => !ok).length;
    this.log(
      failed === 0
        ? `all ${vectors.length} known answers are right`
        : `${failed} of ${vectors.length} known answers are WRONG`,
    );
    // Not thrown: under --json the result itself, with what failed, is more use than an error.
    if (failed > 0) process.exitCode = new DekError('SELFTEST_FAILED', 'known answers are wrong').exitStatus;
    return {ok: failed === 0, total: vectors.length, failed, vectors};
  }
}

function readSet(name: string): VectorSet {
  const url = packageFile(`test/vectors/${name}.json`);
  try {
    return JSON.parse(fs.readFileSync(url, 'utf8')) as VectorSet;
  } catch (cause) {
    throw new DekError('IO', `the known answers in ${url.pathname} cannot be read`, {hint: 'install dek again', cause});
  }
}
