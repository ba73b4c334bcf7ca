/**
 * What rdma-core's suite may skip on a virtual ConnectX: rdma-core-skips.json has the tests by the reasons that they
 * give themselves, of release 44. A skip that is not in there, or one in there that is none any more, is a finding.
 */
import fs from 'node:fs';
import {fileURLToPath} from 'node:url';
import {type Outcome, skipsOf} from './rdma-core.js';

export type ImportMode = 'wrapped' | 'plaintext';
/** By import mode and reason. */
type Skips = Record<ImportMode, Record<string, string[]>>;

const FILE = fileURLToPath(new URL('../../../test/peers/rdma-core-skips.json', import.meta.url));
/** The release whose skips stand in the file. */
export const REVIEWED = 44;

/** What a virtual ConnectX is for: no reason may name it, but for the exceptions. */
const NEEDED = /\b(CQE?|MR|RC|mkey|UMR|DEK|import)s?\b/i;
const EXCEPTIONS: Record<ImportMode, RegExp> = {
  wrapped: /plaintext DEK|dma-?buf/i,
  plaintext: /wrapped DEK|dma-?buf/i,
};

/** Reasons that are the machine's: another one may have what is missing. */
const OF_THE_MACHINE = /huge pages|dri\/renderD|cuda|scapy/;

/** What is wrong with how a run, of all tests or of some, ended: a line each. */
export function findings(importMode: ImportMode, ended: ReadonlyMap<string, Outcome>): string[] {
  const listed = (JSON.parse(fs.readFileSync(FILE, 'utf8')) as Skips)[importMode];
  const skips = skipsOf(ended);
  const lines = (by: Record<string, string[]>): string[] =>
    Object.entries(by).flatMap(([reason, names]) => names.map((name) => `${name}: ${reason}`));
  const ran = (line: string): boolean => ended.has(line.slice(0, line.indexOf(':')));
  const [expected, found] = [lines(listed).filter(ran), lines(skips)];
  return [
    ...[...ended].filter(([, {ended: how}]) => how !== 'ok' && how !== 'skipped').map(([name]) => `failed: ${name}`),
    ...found.filter((line) => !expected.includes(line)).map((line) => `new skip: ${line}`),
    ...expected
      .filter((line) => !found.includes(line) && !OF_THE_MACHINE.test(line))
      .map((line) => `no longer skipped so: ${line}`),
    ...Object.keys(skips)
      .filter((reason) => NEEDED.test(reason) && !EXCEPTIONS[importMode].test(reason))
      .map((reason) => `skipped for want of what has to be there: ${reason}`),
  ];
}

/** Writes the skips of a run into the file: to be reviewed. */
export function record(importMode: ImportMode, ended: ReadonlyMap<string, Outcome>): void {
  const all = fs.existsSync(FILE) ? (JSON.parse(fs.readFileSync(FILE, 'utf8')) as Partial<Skips>) : {};
  const {wrapped = {}, plaintext = {}} = {
    ...all,
    ...(importMode === 'wrapped' ? {wrapped: skipsOf(ended)} : {plaintext: skipsOf(ended)}),
  };
  fs.writeFileSync(FILE, `${JSON.stringify({wrapped, plaintext}, null, 2)}\n`);
}
