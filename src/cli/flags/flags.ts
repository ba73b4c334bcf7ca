/** Flags that several commands share, each with one name and one meaning. */
import * as Flags from '@oclif/core/flags';
import {hideKey} from '../../bytes.js';
import {MAX_ID} from '../../dek-layout.js';
import {DekError} from '../../errors.js';

/** `--device NAME,...`: which NICs an agent holds. */
export const devicesFlag = Flags.string({
  helpValue: 'NAME,...',
  default: [],
  multiple: true,
  delimiter: ',',
  description:
    'NICs to open, each as mlx5_0, a PCI address, auxiliary/mlx5_core.sf.N or a node GUID (default: those of the ' +
    'manifest, else the only NIC)',
});

/** `--check-interval SECONDS`. */
export const checkIntervalFlag = Flags.integer({
  helpValue: 'SECONDS',
  default: 30,
  min: 1,
  max: 86_400,
  description: 'seconds between checks of the logins and DEKs; what is broken is healed',
});

/** `--socket PATH`: where the agent listens. */
export const socketFlag = Flags.string({
  helpValue: 'PATH',
  description:
    'socket of the agent (default: $DEK_AGENT_SOCKET, else $XDG_RUNTIME_DIR/dek/agent.sock, else /run/dek/agent.sock)',
});

/** `--size BITS` and `--keytag`: what each DEK of a raw stream is. */
export const sizeFlags = {
  size: Flags.option({
    options: ['128', '256'] as const,
    helpValue: 'BITS',
    description: 'read a raw stream of DEKs of this key size: 128 or 256',
    exclusive: ['format'],
  })(),
  keytag: Flags.boolean({description: 'each DEK of the stream has a keytag', dependsOn: ['size']}),
};

/** In the text of a flag: which ids are 0. The register that loads the first pair is called CRYPTO_OPERATIONAL. */
export const FIRST_ID = '(0 for the first one, of dek officer operational)';

/** A 24-bit id, decimal or 0x hexadecimal, as the NIC numbers its KEKs and credentials. */
export const idFlag = Flags.custom<number>({
  helpValue: 'ID',
  parse: async (text, _context, options) => parseId(text, `--${options.name}`),
});

/** The number that `text` says, from 0 to MAX_ID. Throws BAD_ARGUMENT. */
export function parseId(text: string, title: string): number {
  const id = /^(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(text) ? Number(text) : Number.NaN;
  if (id <= MAX_ID) return id;
  throw new DekError(
    'BAD_ARGUMENT',
    `${title} expected an id from 0 to 0x${MAX_ID.toString(16)}, got "${hideKey(text)}"`,
    {hint: 'in decimal, or in hexadecimal with 0x'},
  );
}
