/** The report on a NIC: its facts, and each assumption by number. Nothing in it is secret or names the machine. */
import {release} from 'node:os';
import {packageVersion} from '../../package.js';
import type {Device} from '../../rdma/index.js';
import {libraryVersion} from '../../rdma/index.js';
import {VIRTUAL} from '../../virtual/loaded.js';
import {ASSUMPTIONS, NOT_ASKED} from './assumptions.js';
import {type Answer, answer, type Bench, type Trial} from './bench.js';
import {attempt, EXPERIMENTS} from './experiments.js';

export interface HardwareReport {
  /** Whether it is a virtual ConnectX that answered. */
  virtual: boolean;
  facts: Record<string, unknown>;
  answers: readonly Answer[];
  trials: readonly Trial[];
}

/** Asks all that can be asked; `progress` is told each experiment. */
export async function hardwareReport(bench: Bench, progress: (title: string) => void): Promise<HardwareReport> {
  const answers = new Map<number, Answer>();
  const trials: Trial[] = [];
  for (const experiment of EXPERIMENTS) {
    progress(experiment.title);
    const outcome = await attempt(experiment, bench);
    for (const one of outcome.answers ?? []) answers.set(one.number, one);
    trials.push(...(outcome.trials ?? []));
  }
  const all = Object.keys(ASSUMPTIONS).map(Number);
  return {
    virtual: process.env[VIRTUAL] !== undefined,
    facts: await factsOf(bench.nic),
    answers: all.map((number) => answers.get(number) ?? answer(number, undefined, NOT_ASKED[number] ?? 'not asked')),
    trials,
  };
}

/** Model and firmware, not GUID, address or host: whoever reads it learns of the NIC, not whose it is. */
async function factsOf(nic: Device): Promise<Record<string, unknown>> {
  const {model, firmware} = nic.info;
  const {isUp, address} = await nic.readPort();
  return {
    dek: packageVersion(),
    node: process.version,
    kernel: release(),
    rdmaCore: libraryVersion() ?? null,
    model: model ?? null,
    firmware: firmware ?? null,
    loginApi: nic.loginApi,
    caps: nic.readCaps(),
    hcaCaps: nic.readHcaCaps(),
    port: {isUp, hasAddress: address !== undefined},
  };
}

/** The report as Markdown, to be pasted into an issue. */
export function asMarkdown({virtual, facts, answers, trials}: HardwareReport): string {
  const count = (verdict: Answer['verdict']): number => answers.filter((one) => one.verdict === verdict).length;
  const rows = answers.map(
    ({number, verdict, seen}) => `| ${number} | ${ASSUMPTIONS[number]} | ${verdict} | ${cell(seen)} |`,
  );
  return [
    `# dek hardware report${virtual ? ' (of a virtual ConnectX)' : ''}`,
    '',
    `${count('confirmed')} confirmed, ${count('refuted')} refuted, ${count('open')} open.`,
    'It has no key, no serial number, no GUID and no name of a machine.',
    'Numbers are those of docs/virtual-connectx.md.',
    '',
    '| # | assumption | verdict | what was seen |',
    '|---|---|---|---|',
    ...rows,
    '',
    '| tried | result | what was seen |',
    '|---|---|---|',
    ...trials.map(({what, result, seen}) => `| ${what} | ${result} | ${cell(seen)} |`),
    '',
    '```json',
    JSON.stringify(facts, null, 1),
    '```',
    '',
  ].join('\n');
}

function cell(text: string): string {
  return text.replaceAll('|', '/').replace(/\s+/g, ' ');
}
