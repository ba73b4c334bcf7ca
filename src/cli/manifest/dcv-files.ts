/** Files of check values (DCVs) beside a raw stream of DEKs, which has no room for them: 32 hex digits a line. */
import fs from 'node:fs/promises';
import * as Flags from '@oclif/core/flags';
import type {PlainKeys} from '../../bulk/jobs/raw-jobs.js';
import {toHex} from '../../bytes.js';
import {DCV_BYTES} from '../../dek-layout.js';
import {DekError} from '../../errors.js';
import {systemError} from '../../files/system-error.js';
import {writeWholeFile} from '../../files/whole-file.js';
import {outputPath} from '../output/output.js';

/** `--dcv-input` and `--dcv-output`, which go with a raw stream. */
export const dcvFileFlags = {
  'dcv-input': Flags.string({
    helpValue: 'FILE',
    description: 'refuse keys that do not have the check values in this file, 32 hex digits per line',
    dependsOn: ['size'],
  }),
  'dcv-output': Flags.string({
    helpValue: 'FILE',
    description: 'write the check values to this new file, one per line',
    dependsOn: ['size'],
    exclusive: ['manifest'],
    parse: async (path) => (path === '' ? path : outputPath(path, 'name a file')),
  }),
};

/** The values of these flags. */
export interface DcvFileOptions {
  'dcv-input'?: string | undefined;
  'dcv-output'?: string | undefined;
}

const LINE_BYTES = 2 * DCV_BYTES + 1;
const LINE = /^[0-9a-fA-F]{32}\n$/;
const LAST_LINE = /^[0-9a-fA-F]{32}\n?$/;

/**
 * Pieces of a stream of keys, each with the check values that the file `path` has for them, if there is one. Throws
 * BAD_INPUT when a line of it is none, or when there are more of them or fewer than keys; what reading it throws.
 */
export async function* withExpected(
  pieces: AsyncIterable<Uint8Array>,
  plaintextBytes: number,
  path: string | undefined,
): AsyncGenerator<PlainKeys, void> {
  const all = path === undefined ? undefined : await readValues(path);
  let deks = 0;
  for await (const bytes of pieces) {
    const from = deks * DCV_BYTES;
    deks += bytes.length / plaintextBytes;
    const expected = all?.subarray(from, deks * DCV_BYTES);
    if (all && all.length < deks * DCV_BYTES) throw otherCount(path!, all, `${deks} or more`);
    yield {bytes, expected};
  }
  if (all && all.length > deks * DCV_BYTES) throw otherCount(path!, all, `${deks}`);
}

/** Takes check values, and writes them to the file `path`; undefined where there is none. */
export function dcvOutput(path: string | undefined, {force}: {force: boolean}): DcvOutput | undefined {
  return path === undefined ? undefined : new DcvOutput(path, force);
}

class DcvOutput {
  readonly #path: string;
  readonly #force: boolean;
  readonly #lines: Uint8Array[] = [];

  constructor(path: string, force: boolean) {
    this.#path = path;
    this.#force = force;
  }

  /** Takes check values of 16 bytes each. */
  readonly add = (dcv: Uint8Array): void => {
    const lines = toHex(dcv).replace(/.{32}/g, '$&\n');
    this.#lines.push(new Uint8Array(Buffer.from(lines, 'latin1')));
  };

  /** The chunks, at whose end the file is written: before what they are written to takes its name. */
  async *writtenAfter(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void> {
    yield* chunks;
    await writeWholeFile(this.#path, this.#lines, {force: this.#force});
  }
}

async function readValues(path: string): Promise<Uint8Array> {
  const bytes = await fs.readFile(path).catch((error: unknown) => {
    throw systemError('read', path, error);
  });
  // The last line feed may be left out.
  const count = Math.ceil(bytes.length / LINE_BYTES);
  const values = new Uint8Array(count * DCV_BYTES);
  for (let i = 0; i < count; i++) {
    const line = bytes.toString('latin1', i * LINE_BYTES, (i + 1) * LINE_BYTES);
    if (!(i === count - 1 ? LAST_LINE : LINE).test(line)) {
      throw new DekError('BAD_INPUT', `${path}: line ${i + 1}: expected a check value (DCV), 32 hex digits`);
    }
    values.set(Buffer.from(line.slice(0, 2 * DCV_BYTES), 'hex'), i * DCV_BYTES);
  }
  return values;
}

function otherCount(path: string, all: Uint8Array, deks: string): DekError {
  const count = all.length / DCV_BYTES;
  return new DekError('BAD_INPUT', `${path} has ${count} check values, and there are ${deks} DEKs`);
}
