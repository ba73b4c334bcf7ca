/** How commands hand out key bytes: into a file, onto stdout, or, wrapped, into `--json`. */
import * as Flags from '@oclif/core/flags';
import {wipe} from '../../bytes.js';
import {encode, FORMATS, type Format} from '../../custody/encoding.js';
import {DekError} from '../../errors.js';
import {writeDescriptor} from '../../files/descriptor.js';
import {type Chunks, writeWholeFile} from '../../files/whole-file.js';

/** `--output`, which `description` says more of, and `--force`: where it goes. */
export const fileFlags = (description: string) => ({
  output: Flags.string({
    char: 'o',
    helpValue: 'FILE',
    description,
    parse: async (path) => outputPath(path, 'leave out --output to write to stdout'),
  }),
  force: Flags.boolean({description: 'replace the output file if it exists', dependsOn: ['output']}),
});

/** `--output`, `--force` and `--format`: where the bytes go, and how they stand there. */
export const outputFlags = {
  ...fileFlags('write to this new file (mode 0600) instead of stdout'),
  format: Flags.option({
    options: FORMATS,
    helpValue: 'FORMAT',
    description: 'encoding of the output: raw, hex or base64 (default: raw, or hex on a terminal)',
  })(),
};

/** What `--output`, or `flag`, names. Throws BAD_ARGUMENT when that is no file; `hint` says what stands for it. */
export function outputPath(path: string, hint: string, flag = '--output'): string {
  if (path !== '-' && path !== '') return path;
  throw new DekError('BAD_ARGUMENT', `${flag} expected a file`, {hint});
}

/** The values of `outputFlags`. */
export interface OutputOptions {
  output?: string | undefined;
  force: boolean;
  format?: Format | undefined;
}

/**
 * Writes `bytes` to `--output`, else to stdout unless `json` will carry them. Raw bytes never go to a terminal unless
 * `--format raw` asks for them.
 */
export async function deliver(bytes: Uint8Array, {output, force, format}: OutputOptions, json: boolean): Promise<void> {
  if (output === undefined && json) return;
  const encoded = encode(bytes, format ?? (output === undefined && process.stdout.isTTY ? 'hex' : 'raw'));
  try {
    if (output === undefined) await writeDescriptor(1, encoded, 'standard output');
    else await writeWholeFile(output, [encoded], {force, isSecret: true});
  } finally {
    wipe(encoded);
  }
}

/**
 * Writes a stream to `--output`, whole or not at all, else to stdout as it comes. `what` names it in messages. Throws
 * BAD_ARGUMENT where it may not go to stdout; what `chunks` throws.
 */
export async function deliverStream(
  chunks: Chunks,
  {output, force, format = 'raw'}: OutputOptions,
  {what, json, isRaw = true, isSecret = false}: {what: string; json: boolean; isRaw?: boolean; isSecret?: boolean},
): Promise<void> {
  if (format !== 'raw')
    throw new DekError('BAD_ARGUMENT', `${what} is always raw: --format does not apply`, {hint: 'leave out --format'});
  if (output !== undefined) return writeWholeFile(output, chunks, {force, isSecret});
  const hint = 'write it to --output FILE';
  if (json) throw new DekError('BAD_ARGUMENT', `${what} is not part of --json`, {hint});
  if (isRaw && process.stdout.isTTY) throw new DekError('BAD_ARGUMENT', `${what} would go to this terminal`, {hint});
  for await (const chunk of chunks) await writeDescriptor(1, chunk, 'standard output');
}
