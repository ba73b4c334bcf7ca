import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {type AgentClient, connectAgent} from '../agent/client.js';
import {isWrong, type Proof, proofExitStatus} from '../agent/proof.js';
import type {AppliedManifest} from '../agent/protocol.js';
import {DekCommand} from '../cli/base.js';
import {socketFlag} from '../cli/flags/flags.js';
import {whichDeks} from '../cli/flags/which-deks.js';
import {describeEdition, editionJson} from '../cli/manifest/edition.js';
import {describeProofs} from '../cli/output/describe-proofs.js';
import {outputPath} from '../cli/output/output.js';
import {countDeks} from '../cli/output/phrases.js';
import {Progress} from '../cli/output/progress.js';
import {screen} from '../cli/output/screen.js';
import {DekError} from '../errors.js';

/** For USAGE. */
const OPTIONS = '[--record FILE [--force]] [--socket PATH] [--json]';

export default class Prove extends DekCommand {
  static override summary = 'prove DEKs with known data through the NIC';
  static override description =
    'Two data units of zeros pass the AES-XTS engine of the NIC with the DEK, in a loop inside the NIC. The agent ' +
    'compares the result with the check value (DCV) of the DEK, and then lets the data pass back. Exits with 6 if a ' +
    'DEK is wrong, and with 7 if one cannot be proven.\n\n' +
    'The verdicts in JSON are ok, wrong-key, halves-swapped, halves-reversed and halves-swapped-and-reversed for the ' +
    'key; tweak-reversed, tweak-increment, not-encrypted and not-decrypted for the NIC or its library; ' +
    'keytag-refused; recorded; and not-provable, with a reason. A DEK whose proof was ok is PROVEN until it is ' +
    'created anew; dek list shows it.\n\n' +
    'With --record, a DEK of the manifest that has no check value gets the one that the NIC comes to: for keys that ' +
    'were never plaintext anywhere here, those of a token or a key server. FILE is the next generation of the ' +
    'manifest, to be given out as any other; the file that the agent has applied stays as it is. All later proofs ' +
    'have to come to the same value, on each NIC and host. That is called consistent, not ok: it shows that the key ' +
    'has stayed the same, not that it was the right one. If a DEK is wrong, nothing is written.\n\n' +
    'dek run, dek agent and dek apply have --prove: they prove the DEKs before they are used.';
  static override usage = [`NAME... ${OPTIONS}`, `--all ${OPTIONS}`];
  static override examples = [
    'dek prove vol-1',
    'dek prove --all --json',
    {
      description: 'Take the check values of keys that a server has wrapped',
      command: 'dek prove --all --record fleet-2.manifest',
    },
  ];
  static override strict = false;
  static override args = {
    name: Args.string({ignoreStdin: true, description: 'name of a DEK in the agent'}),
  };
  static override flags = {
    all: Flags.boolean({description: 'prove all DEKs of the agent'}),
    record: Flags.string({
      helpValue: 'FILE',
      description: 'write the next generation of the manifest, with the missing check values, to this new file',
      parse: async (path) => (path === '' ? path : outputPath(path, 'name a new file', '--record')),
    }),
    force: Flags.boolean({description: 'replace FILE if it exists', dependsOn: ['record']}),
    socket: socketFlag,
  };

  async run(): Promise<Proof[]> {
    const {argv, flags} = await this.parse(Prove);
    const {record, force} = flags;
    const which = whichDeks(argv as string[], flags.all, 'prove');
    const agent = await connectAgent(flags.socket);
    const manifest = record === undefined ? undefined : await this.#manifestOf(agent, record, force);
    const progress = new Progress(!this.jsonEnabled());
    const proofs = await agent
      .proveDeks({...which, record: manifest !== undefined}, (done) => progress.update('proven', done))
      .finally(() => progress.end());
    if (proofs.length === 0) this.note('the agent holds no DEKs');
    else for (const line of describeProofs(proofs, screen())) this.log(line);
    if (manifest) await this.#record(proofs, manifest, record!, force);
    process.exitCode = proofExitStatus(proofs);
    return proofs;
  }

  async #manifestOf(agent: AgentClient, output: string, force: boolean): Promise<AppliedManifest> {
    const {manifest} = await agent.status();
    if (!manifest) {
      throw new DekError('NO_INPUT', 'the agent has applied no manifest that the values could go to', {
        hint: 'dek apply MANIFEST',
      });
    }
    const {assertCanRecord} = await import('../cli/manifest/record-values.js');
    await assertCanRecord(output, force, manifest);
    return manifest;
  }

  async #record(proofs: readonly Proof[], manifest: AppliedManifest, output: string, force: boolean): Promise<void> {
    if (proofs.some(isWrong)) return this.note(`${output} was not written: a DEK is wrong`);
    const values = new Map(proofs.flatMap(({name, dcv}) => (dcv === undefined ? [] : [[name, dcv] as const])));
    const {writeRecorded} = await import('../cli/manifest/record-values.js');
    const recorded = values.size > 0 ? await writeRecorded(manifest, values, output, force) : null;
    if (!recorded) return this.note(`${output} was not written: there is no value to record`);
    const {deks, edition} = recorded;
    this.note(`recorded check values of ${countDeks(deks)}: ${describeEdition(editionJson(edition))}: ${output}`);
  }
}
