/** Flags that several commands share, each with one name and one meaning. */
import {Flags} from '@oclif/core';
import {hideKey} from '../bytes.js';
import {DekError} from '../errors.js';

/** `--device NAME`: which NIC. */
export const deviceFlag = Flags.string({
  helpValue: 'NAME',
  description: 'the NIC: mlx5_0, a PCI address or a node GUID; may be left out when there is one',
});

/** `--socket PATH`: where the agent listens. */
export const socketFlag = Flags.string({
  helpValue: 'PATH',
  description: "the agent's socket; else $DEK_AGENT_SOCKET, $XDG_RUNTIME_DIR/dek/agent.sock, /run/dek/agent.sock",
});

/** `--kek SOURCE`: an import KEK. */
export const kekFlag = Flags.string({
  helpValue: 'SOURCE',
  required: true,
  description: 'the import KEK, 16 or 32 bytes: file:PATH, fd:N, - (stdin) or cred:NAME (systemd credential)',
});

/** A 24-bit id, decimal or 0x hexadecimal, as the NIC numbers its KEKs and credentials. */
export const idFlag = Flags.custom<number>({
  helpValue: 'ID',
  parse: async (text, _context, options) => parseId(text, `--${options.name}`),
});

/** The number that `text` says, from 0 to 0xffffff. Throws BAD_ARGUMENT. */
export function parseId(text: string, title: string): number {
  const id = /^(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(text) ? Number(text) : Number.NaN;
  if (id <= 0xffffff) return id;
  throw new DekError('BAD_ARGUMENT', `${title} expected an id from 0 to 0xffffff, got "${hideKey(text)}"`);
}
