import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {hideKey, toHex} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {parseDuration} from '../../cli/flags/duration.js';
import {formatFlag} from '../../cli/flags/format-flag.js';
import {withKek} from '../../cli/flags/kek.js';
import {copyToKeyring, type KeyTarget, TARGET_TYPES} from '../../custody/keyring/copy.js';
import {SOURCE_FORMS} from '../../custody/sources/table.js';
import {DekError} from '../../errors.js';

interface KekCopyResult {
  kcv: string;
  bits: number;
  /** Type, description and ring of the new key, and its serial number in the kernel. */
  type: KeyTarget['type'];
  description: string;
  ring: KeyTarget['ring'];
  serial: number;
  /** Seconds that the key has to live; null: until it is removed, or the machine stops. */
  timeout: number | null;
}

export default class KekCopy extends DekCommand {
  static override summary = "copy an import KEK into one of the kernel's keyrings";
  static override description =
    'Reads the KEK from SOURCE and adds it to a ring of the kernel as TARGET, keyrings(7): it lies on no disk ' +
    'then, and is gone after --timeout. As keyring:user:DESCRIPTION it is a source for other commands of this ' +
    'user. As a logon or an encrypted key nobody can read it back: those are for dm-crypt and the kernel itself. ' +
    'An encrypted key has 20 bytes or more, so that a KEK of 16 cannot be one. The new key is looked up again ' +
    'before this command ends.';
  static override usage =
    'SOURCE TARGET [--master keyring:user:DESCRIPTION] [--timeout TIME] [--ring RING] [--force] ' +
    '[--kek-format FORMAT] [--json]';
  static override examples = [
    "dek kek copy 'cmd:age --decrypt --identity key.txt kek.age' keyring:user:import-kek --timeout 1h",
    'dek kek copy file:kek.bin keyring:encrypted:import-kek --master keyring:user:master',
  ];
  static override args = {
    source: Args.string({
      required: true,
      ignoreStdin: true,
      description: `import KEK (16 or 32 bytes): ${SOURCE_FORMS}`,
    }),
    target: Args.string({
      required: true,
      ignoreStdin: true,
      description:
        'key to make: keyring:user:DESCRIPTION, keyring:logon:PREFIX:DESCRIPTION or keyring:encrypted:DESCRIPTION',
    }),
  };
  static override flags = {
    'kek-format': formatFlag('the KEK'),
    timeout: Flags.string({
      helpValue: 'TIME',
      description: 'how long the key lives, such as 90s, 30m, 12h or 7d (default: as long as the machine runs)',
    }),
    ring: Flags.option({
      options: ['user', 'session'] as const,
      helpValue: 'RING',
      default: 'user' as const,
      description: 'ring to add it to: user, or session for this session alone',
    })(),
    master: Flags.string({
      helpValue: 'keyring:user:DESCRIPTION',
      description: 'user key that encrypts the new key; needed for keyring:encrypted:DESCRIPTION',
    }),
    force: Flags.boolean({description: 'replace the key of that name in the ring if there is one'}),
  };

  async run(): Promise<KekCopyResult> {
    const {args, flags} = await this.parse(KekCopy);
    const {type, description} = parseTarget(args.target);
    const {ring, force} = flags;
    const seconds = flags.timeout === undefined ? undefined : parseDuration(flags.timeout, '--timeout');
    const master = parseMaster(flags.master, type);
    return withKek({kek: args.source, 'kek-format': flags['kek-format']}, async (kek) => {
      if (!kek.secret)
        throw new DekError('BAD_ARGUMENT', `${kek.name} does not come to this process`, {
          hint: 'it can be used where it is: --kek SOURCE',
        });
      const serial = copyToKeyring(kek.secret, {type, description, ring, seconds, force, master});
      const kcv = toHex(kek.kcv!);
      const until = flags.timeout === undefined ? '' : `, for ${flags.timeout}`;
      this.log(`copied the KEK with KCV ${kcv} into keyring:${type}:${hideKey(description)}${until}`);
      return {kcv, bits: 8 * kek.secret.length, type, description, ring, serial, timeout: seconds ?? null};
    });
  }
}

function parseTarget(text: string): Pick<KeyTarget, 'type' | 'description'> {
  const [, type, description] = /^keyring:([a-z_]+):([^\0]{1,4095})$/s.exec(text) ?? [];
  const known = TARGET_TYPES.find((one) => one === type);
  if (known === undefined || description === undefined) {
    throw new DekError('BAD_ARGUMENT', 'TARGET is not a key of a keyring', {
      hint: 'keyring:user:DESCRIPTION, keyring:logon:PREFIX:DESCRIPTION or keyring:encrypted:DESCRIPTION',
    });
  }
  if (known === 'logon' && !/^[^:]+:/.test(description)) {
    throw new DekError('BAD_ARGUMENT', 'the description of a logon key begins with a prefix and a colon', {
      hint: 'such as keyring:logon:dek:import-kek',
    });
  }
  return {type: known, description};
}

function parseMaster(text: string | undefined, type: KeyTarget['type']): string | undefined {
  if ((type === 'encrypted') !== (text !== undefined)) {
    throw new DekError(
      'BAD_ARGUMENT',
      text === undefined ? 'an encrypted key needs --master' : '--master is for encrypted keys',
      {hint: text === undefined ? '--master keyring:user:DESCRIPTION' : 'leave out --master'},
    );
  }
  if (text === undefined) return undefined;
  const [, description] = /^keyring:user:([^\0\s]{1,4095})$/.exec(text) ?? [];
  if (description !== undefined) return description;
  throw new DekError('BAD_ARGUMENT', '--master expected keyring:user:DESCRIPTION, without white space');
}
