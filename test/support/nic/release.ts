/**
 * What the libmlx5 that is installed can do. A test that needs more than rdma-core 37 says what it needs: under an
 * older release it is skipped for that reason.
 */
import {execFileSync} from 'node:child_process';
import {giveReason} from '../skip.js';

/** The first release of rdma-core that has it. */
const SINCE = {
  'login objects': 42,
  'plaintext DEKs': 42,
  'the reasons of the firmware': 40,
  'single-block AES-XTS': 42,
  'multi-block AES-XTS': 44,
} as const;
export type Feature = keyof typeof SINCE;

/** Asked in a process of its own: this one loads no library. */
function askRelease(): string {
  const url = new URL('../../../src/rdma/index.js', import.meta.url).href;
  const source = `import(${JSON.stringify(url)}).then((rdma) => console.log(rdma.libraryVersion()))`;
  return execFileSync(process.execPath, ['-e', source], {encoding: 'utf8'}).trim();
}

/** Such as 44.0. */
export const RELEASE = askRelease();

export function has(feature: Feature): boolean {
  return Number.parseFloat(RELEASE) >= SINCE[feature];
}

/** Mocha's `describe` and `it` for what needs a feature. */
export function needing(feature: Feature): {describe: Mocha.SuiteFunction; it: Mocha.TestFunction} {
  return has(feature) ? {describe, it} : skipping(`rdma-core ${SINCE[feature]} or later is needed: ${feature}`);
}

/** Mocha's `describe` and `it` that skip, for a reason. */
export function skipping(reason: string): {describe: Mocha.SuiteFunction; it: Mocha.TestFunction} {
  const because = <T extends object>(skipped: T): T => {
    giveReason(skipped, reason);
    return skipped;
  };
  return {
    describe: ((title: string, body: () => void) => because(describe.skip(title, body as never) as object)) as never,
    it: ((title: string, body: Mocha.Func) => because(it.skip(title, body))) as never,
  };
}

/** The engines of a NIC that has both, as the release tells them. */
export const ENGINES = has('multi-block AES-XTS')
  ? ['AES_XTS_SINGLE_BLOCK', 'AES_XTS_MULTI_BLOCK']
  : [has('single-block AES-XTS') ? 'AES_XTS_SINGLE_BLOCK' : 'AES_XTS'];

/** The errno of what libmlx5 calls `errno` where it hands the reasons of the firmware on. */
export function errnoOf(errno: string): string {
  return has('the reasons of the firmware') ? errno : 'EREMOTEIO';
}
