import {randomFillSync} from 'node:crypto';
import {Flags} from '@oclif/core';
import {equalBytes, fromHex, secretBytes, toHex, wipe} from '../bytes.js';
import {DekCommand} from '../cli/base.js';
import {kekFlag} from '../cli/flags.js';
import {withKek} from '../cli/kek.js';
import {deliver, outputFlags} from '../cli/output.js';
import {DekError} from '../errors.js';
import {wrapDek} from '../wrap/dek.js';
import {KEYTAG_BYTES} from '../wrap/layout.js';

interface KeygenResult {
  keySize: 128 | 256;
  /** The keytag in hex; it is no secret: the MKey is configured with it. */
  keytag: string | null;
  /** The wrapped DEK in hex. */
  wrapped: string;
  kekKcv: string;
  output: string | null;
}

export default class Keygen extends DekCommand {
  static override summary = 'make a random DEK that leaves memory only wrapped';
  static override description =
    'Draws key1 and key2 at random, wraps them under an import KEK, and forgets them. A keytag, if the ' +
    'DEK is to have one, is printed: it is no secret, and the MKey (for DPDK the devarg "keytag") needs it.';
  static override examples = [
    '<%= config.bin %> <%= command.id %> --kek file:kek.bin --output data.dek',
    '<%= config.bin %> <%= command.id %> --size 128 --keytag --kek cred:import-kek --format hex',
    'vault read -field=kek secret/nic | <%= config.bin %> <%= command.id %> --kek - --keytag-value 0123456789abcdef -o data.dek',
  ];
  static override flags = {
    size: Flags.option({options: ['128', '256'] as const, default: '256', description: 'bits of key1 and of key2'})(),
    keytag: Flags.boolean({description: 'put a random keytag inside the wrap', exclusive: ['keytag-value']}),
    'keytag-value': Flags.string({helpValue: 'HEX', description: 'put this keytag, 8 bytes in hex, inside the wrap'}),
    kek: kekFlag,
    ...outputFlags,
  };

  async run(): Promise<KeygenResult> {
    const {flags} = await this.parse(Keygen);
    const keySize = flags.size === '128' ? 128 : 256;
    const keytag = chooseKeytag(flags.keytag, flags['keytag-value']);
    return withKek(flags.kek, async (kek, kekKcv) => {
      const wrapped = generate(kek, keySize / 8, keytag);
      await deliver(wrapped, flags, this.jsonEnabled());
      const shownTag = keytag ? toHex(keytag) : null;
      this.note(
        `made a ${keySize}-bit DEK ${shownTag ? `with keytag ${shownTag}` : 'without keytag'}, ${wrapped.length} bytes wrapped under the KEK with KCV ${kekKcv}`,
      );
      return {keySize, keytag: shownTag, wrapped: toHex(wrapped), kekKcv, output: flags.output ?? null};
    });
  }
}

function chooseKeytag(random: boolean, value: string | undefined): Uint8Array | undefined {
  if (random) return randomFillSync(new Uint8Array(KEYTAG_BYTES));
  if (value === undefined) return undefined;
  const keytag = fromHex(value, 'keytag-value');
  if (keytag.length === KEYTAG_BYTES) return keytag;
  throw new DekError('BAD_ARGUMENT', `"keytag-value" expected ${KEYTAG_BYTES} bytes in hex, got ${keytag.length}`);
}

function generate(kek: Uint8Array, keyBytes: number, keytag: Uint8Array | undefined): Uint8Array {
  const keys = secretBytes(2 * keyBytes);
  const [key1, key2] = [keys.subarray(0, keyBytes), keys.subarray(keyBytes)];
  try {
    do randomFillSync(keys);
    while (equalBytes(key1, key2));
    return wrapDek(kek, {key1, key2, keytag});
  } finally {
    wipe(keys);
  }
}
