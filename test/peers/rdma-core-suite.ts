/** The whole suite of rdma-core, on a NIC of each import mode. */
import fs from 'node:fs';
import {testDevice} from '../support/nic/device.js';
import {temporaryDirectory} from '../support/temporary-directory.js';
import {type Outcome, outcomes, Suite} from './rdma-core.js';
import {findings, type ImportMode, record} from './rdma-core-skips.js';

/** What has to pass on each NIC. */
const LEAST = 115;

export async function rdmaCore(): Promise<string[]> {
  const directory = temporaryDirectory();
  try {
    const suite = new Suite(directory);
    return [...(await on('wrapped', suite)), ...(await on('plaintext', suite))];
  } finally {
    fs.rmSync(directory, {recursive: true, force: true});
  }
}

async function on(importMode: ImportMode, suite: Suite): Promise<string[]> {
  const device = await testDevice({kekId: 0, credentialId: 0, settings: {importMode}});
  try {
    const output = suite.run(device, ['--dev', 'mlx5_0']);
    const ended = outcomes(output);
    const count = (how: string): number => [...ended.values()].filter((outcome) => outcome.ended === how).length;
    const [passed, skipped] = [count('ok'), count('skipped')];
    console.log(`  ${importMode}: ${passed} passed, ${skipped} skipped, ${ended.size - passed - skipped} failed`);
    if (process.env['UPDATE']) record(importMode, ended);
    return [...wrong(importMode, passed, ended, output), ...left(device.nic.show().live.contexts)].map(
      (line) => `${importMode}: ${line}`,
    );
  } finally {
    device.remove();
  }
}

function wrong(importMode: ImportMode, passed: number, ended: Map<string, Outcome>, output: string): string[] {
  const ran = Number(/^Ran (\d+) tests/m.exec(output)?.[1]);
  return [
    ...(ran === ended.size ? [] : [`${ran} ran, and ${ended.size} were seen: ${output.slice(-2000)}`]),
    ...(passed >= LEAST ? [] : [`${passed} passed, less than ${LEAST}`]),
    ...findings(importMode, ended),
  ];
}

function left(contexts: number): string[] {
  return contexts === 0 ? [] : [`${contexts} contexts are left open`];
}
