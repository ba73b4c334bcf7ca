/** Many messages from one process to another, none of which may be lost: test/peers/messages.c. */

import {type TestDevice, testDevice} from '../support/nic/device.js';
import {compileProgram} from '../support/process/compile.js';
import {dialogue} from './dialogue.js';

const MESSAGES = Number(process.env['MESSAGES'] ?? 200_000);

/**
 * Sends so many messages.
 * @returns what is wrong, a line each, and what the two said when they were done
 */
export async function sendMessages(device: TestDevice, count: number): Promise<{found: string[]; said: string[]}> {
  const program = compileProgram('peers/messages.c', ['-libverbs']);
  const sides = ['receive', 'send'].map((word) => dialogue(device, program, [word, String(count), 'mlx5_0']));
  const addresses = await Promise.all(sides.map((side) => side.line()));
  for (const [i, side] of sides.entries()) side.say(addresses[1 - i]!);
  const said = await Promise.all(sides.map((side) => side.line()));
  for (const side of sides) {
    side.say('');
    side.hangUp();
  }
  const ended = await Promise.all(sides.map((side) => side.end()));
  const found = ended
    .filter(({status, output}) => status !== 0 || !output.includes(`\n${count} messages in `))
    .map(({status, output}) => `${status}: ${output}`);
  return {found, said};
}

export async function messages(): Promise<string[]> {
  const device = await testDevice();
  try {
    const {found, said} = await sendMessages(device, MESSAGES);
    console.log(`  ${said[0]}`);
    return found;
  } finally {
    device.remove();
  }
}
