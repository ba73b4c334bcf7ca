/** What the tests of verdicts share: a virtual ConnectX, folders, and which verdicts were seen to be caused. */
import fs from 'node:fs';
import {join} from 'node:path';
import {expect} from 'chai';
import type {Check} from '../../src/doctor/check.js';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {Examiner} from '../support/process/examiner.js';
import {temporaryDirectory} from '../support/temporary-directory.js';

/** One for a file of tests, from before its first to after its last. */
export function verdictStage(): VerdictStage {
  const stage = new VerdictStage();
  before(() => stage.open());
  after(() => stage.close());
  return stage;
}

class VerdictStage {
  device!: TestDevice;
  onNic!: Examiner;
  readonly produced = new Set<string>();
  readonly #folder = temporaryDirectory();
  #files = 0;

  async open(): Promise<void> {
    this.device = await testDevice();
    this.onNic = new Examiner(this.device.nic.environment());
  }

  async close(): Promise<void> {
    await this.onNic?.end();
    this.device?.remove();
    fs.rmSync(this.#folder, {recursive: true, force: true});
  }

  /** A new folder with these files, by their paths. */
  readonly place = (files: Readonly<Record<string, string>>): string => {
    const root = join(this.#folder, `${this.#files++}`);
    fs.mkdirSync(root);
    for (const [path, text] of Object.entries(files)) {
      fs.mkdirSync(join(root, path, '..'), {recursive: true});
      fs.writeFileSync(join(root, path), text);
    }
    return root;
  };

  /** These are the first verdicts, but for those of an agent that is not there. */
  readonly expectFirst = (verdicts: readonly string[], ...wanted: string[]): void => {
    for (const verdict of wanted) this.produced.add(verdict);
    const others = verdicts.filter((verdict) => verdict !== 'agent-none' || wanted.includes(verdict));
    expect(others.slice(0, wanted.length)).to.deep.equal(wanted);
  };

  /** Each verdict of these checks was caused; asked only where all tests of the file have run. */
  expectAllOf(checks: readonly Pick<Check, 'verdicts'>[]): void {
    const all = checks.flatMap(({verdicts}) => Object.keys(verdicts));
    if (this.produced.size > all.length / 2) {
      expect(all.filter((verdict) => !this.produced.has(verdict))).to.deep.equal([]);
    }
  }
}
