/**
 * Random bytes in queues and doorbells (test/virtual/hostile-queues.c): the program that does so lives to its end and
 * can close all it had, and so does another one, whose queue pair it is connected with.
 */
import {randomInt} from 'node:crypto';
import type {TestDevice} from '../support/nic/device.js';
import {testDevice} from '../support/nic/device.js';
import {compileProgram} from '../support/process/compile.js';
import {dialogue} from './dialogue.js';

const ENTRIES = Number(process.env['ENTRIES'] ?? 1_000_000);

/**
 * Lets a program post `entries` random entries, connected with a victim.
 * @returns what is wrong, a line each
 */
export async function hostileQueues(device: TestDevice, entries: number, seed: number): Promise<string[]> {
  const program = compileProgram('virtual/hostile-queues.c', ['-libverbs', '-lmlx5']);
  const victim = dialogue(device, program, ['victim']);
  const attacker = dialogue(device, program, [String(entries), String(seed), await victim.line()]);
  victim.say(await attacker.line());
  const attack = await attacker.end();
  victim.hangUp();
  const found = Object.entries({attacker: attack, victim: await victim.end()})
    .filter(([, {status, output}]) => status !== 0 || !output.endsWith('alive\n'))
    .map(([who, {status, output}]) => `seed ${seed}: the ${who} ended (${status}): ${output.slice(-400)}`);
  const {contexts} = device.nic.show().live;
  return contexts === 0 ? found : [...found, `seed ${seed}: ${contexts} contexts are left open`];
}

export async function hostile(): Promise<string[]> {
  const seed = Number(process.env['SEED'] ?? randomInt(2 ** 31));
  const device = await testDevice();
  console.log(`  ${ENTRIES} entries, seed ${seed}`);
  try {
    return await hostileQueues(device, ENTRIES, seed);
  } finally {
    device.remove();
  }
}
