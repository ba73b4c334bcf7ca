import {join} from 'node:path';
import * as Args from '@oclif/core/args';
import * as Flags from '@oclif/core/flags';
import {toHex, wipe} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {joinComponents, newComponents} from '../../custody/components.js';
import {encode, FORMATS, type Format} from '../../custody/encoding.js';
import {DekError} from '../../errors.js';
import {makeDirectories, removeDirectories} from '../../files/directories.js';
import {systemError} from '../../files/system-error.js';
import {removeFile, writeWholeFile} from '../../files/whole-file.js';
import {protectSecrets} from '../../memory/protect.js';
import {keyCheckValue} from '../../wrap/kcv.js';

const MIN = 2;
const MAX = 16;

interface KekComponentsResult {
  /** Of the KEK that the components make. */
  kcv: string;
  bits: 128 | 256;
  components: {file: string; kcv: string}[];
}

export default class KekComponents extends DekCommand {
  static override summary = 'make a new KEK in components, one for each of several people';
  static override description =
    'Each component is as long as the KEK, and the KEK is their exclusive or: whoever lacks one of them knows ' +
    'nothing of it. Each is written into a file of its own, component-1 and so on (mode 0600), to be handed to one ' +
    'person; the KEK itself is written nowhere. The key check values (KCV) of the KEK and of each component are ' +
    'printed, for the record of the ceremony. A command takes all of them in place of --kek, with one ' +
    '--kek-component for each.';
  static override usage = 'COUNT --output-dir DIR [--size BITS] [--format FORMAT] [--json]';
  static override examples = [
    'dek kek components 3 --output-dir /media/ceremony',
    'dek kek show --kek-component file:component-1 --kek-component file:component-2 --kek-component fd:3 3< pipe',
  ];
  static override args = {
    count: Args.string({required: true, ignoreStdin: true, description: `how many components: ${MIN} to ${MAX}`}),
  };
  static override flags = {
    'output-dir': Flags.string({
      helpValue: 'DIR',
      required: true,
      description: 'directory for the files, which is made if it is missing (mode 0700)',
    }),
    size: Flags.option({
      options: ['128', '256'] as const,
      helpValue: 'BITS',
      default: '256' as const,
      description: 'size of the KEK: 128 or 256',
    })(),
    format: Flags.option({
      options: FORMATS,
      helpValue: 'FORMAT',
      default: 'raw' as const,
      description: 'encoding of the files: raw, hex or base64',
    })(),
  };

  async run(): Promise<KekComponentsResult> {
    const {args, flags} = await this.parse(KekComponents);
    const count = /^\d{1,3}$/.test(args.count) ? Number(args.count) : 0;
    if (count < MIN || count > MAX) {
      throw new DekError('BAD_ARGUMENT', `COUNT expected a number from ${MIN} to ${MAX}`);
    }
    const bits = Number(flags.size) as 128 | 256;
    protectSecrets();
    const components = newComponents(count, bits / 8);
    let kek: Uint8Array | undefined;
    try {
      kek = joinComponents(components);
      const files = await writeAll(components, flags['output-dir'], flags.format);
      const result = {
        kcv: toHex(keyCheckValue(kek)),
        bits,
        components: components.map((component, i) => ({file: files[i]!, kcv: toHex(keyCheckValue(component))})),
      };
      for (const {file, kcv} of result.components) this.log(`${file}: KCV ${kcv}`);
      this.log(`KEK: KCV ${result.kcv}, ${bits} bits`);
      return result;
    } finally {
      wipe(kek, ...components);
    }
  }
}

/** All of them or none. */
async function writeAll(components: readonly Uint8Array[], directory: string, format: Format): Promise<string[]> {
  const made = make(directory);
  const files: string[] = [];
  try {
    for (const [i, component] of components.entries()) {
      const file = join(directory, `component-${i + 1}`);
      const encoded = encode(component, format);
      try {
        await writeWholeFile(file, [encoded], {isSecret: true});
      } finally {
        wipe(encoded);
      }
      files.push(file);
    }
    return files;
  } catch (error) {
    for (const file of files) await removeFile(file);
    removeDirectories(made);
    throw error;
  }
}

function make(directory: string): string[] {
  try {
    return makeDirectories(directory, 0o700);
  } catch (error) {
    throw systemError('make', directory, error);
  }
}
