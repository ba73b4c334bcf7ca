import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {connectAgent} from '../agent/client.js';
import {type Proof, proofExitStatus} from '../agent/proof.js';
import {DekCommand} from '../cli/base.js';
import {describeProofs} from '../cli/describe-proofs.js';
import {socketFlag} from '../cli/flags.js';
import {whichDeks} from '../cli/which-deks.js';

export default class Prove extends DekCommand {
  static override summary = 'prove DEKs with known data through the NIC';
  static override description =
    'Two data units of zeros pass the AES-XTS engine of the NIC with the DEK, in a loop inside the NIC. The agent ' +
    'compares the result with the check value (DCV) of the DEK, and then lets the data pass back. Exits with 6 if a ' +
    'DEK is wrong, and with 7 if one cannot be proven.\n\n' +
    'The verdicts in JSON are ok, wrong-key, halves-swapped, halves-reversed and halves-swapped-and-reversed for the ' +
    'key; tweak-reversed, tweak-increment, not-encrypted and not-decrypted for the NIC or its library; ' +
    'keytag-refused; and not-provable, with a reason. A DEK whose proof was ok is PROVEN until it is created anew; ' +
    'dek list shows it.\n\n' +
    'dek run, dek agent and dek apply have --prove: they prove the DEKs before they are used.';
  static override usage = ['NAME... [--socket PATH] [--json]', '--all [--socket PATH] [--json]'];
  static override examples = ['dek prove vol-1', 'dek prove --all --json'];
  static override strict = false;
  static override args = {
    name: Args.string({ignoreStdin: true, description: 'name of a DEK in the agent'}),
  };
  static override flags = {
    all: Flags.boolean({description: 'prove all DEKs of the agent'}),
    socket: socketFlag,
  };

  async run(): Promise<Proof[]> {
    const {argv, flags} = await this.parse(Prove);
    const which = whichDeks(argv as string[], flags.all, 'prove');
    const agent = await connectAgent(flags.socket);
    const proofs = await agent.proveDeks(which);
    if (proofs.length === 0) this.note('the agent holds no DEKs');
    else for (const line of describeProofs(proofs)) this.log(line);
    process.exitCode = proofExitStatus(proofs);
    return proofs;
  }
}
