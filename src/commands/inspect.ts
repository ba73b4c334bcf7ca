import * as Args from '@oclif/core/args';
import {toHex, wipe} from '../bytes.js';
import {DekCommand} from '../cli/base.js';
import {isKekGiven, KEK_USAGE, kekFlags, withKekIfGiven} from '../cli/flags/kek.js';
import {type Identified, identify, isManifest} from '../doctor/inspect/identify.js';
import {manifestFacts} from '../doctor/inspect/manifest-facts.js';
import {type Opened, open} from '../doctor/inspect/opened.js';
import {DekError} from '../errors.js';
import {readHead} from '../files/small-file.js';

interface Inspected {
  file: string;
  bytes: number;
  kind: string;
  /** What it is, or may be. */
  is: readonly string[];
  /** Whether others than its owner may read what may be a secret. */
  exposed: boolean;
  /** With a KEK: its KCV, and what it says of the wrapped values. */
  kekKcv?: string | null;
  opened?: Opened[];
}

/** What is longer is no key, and nothing of a peer's. */
const MAX_BYTES = 1 << 20;
const OTHERS_MAY_READ = 0o044;

export default class Inspect extends DekCommand {
  static override summary = 'say what a file is, without revealing anything';
  static override description =
    'Tells wrapped keys and credentials by their size, manifests, releases, signatures, envelopes of dek seal, ' +
    "blobs of NXP's CAAM, the files of pyverbs, DPDK and perftest, and arrays in C. Of raw bytes it tells the " +
    'length alone: what else has that length is listed too. With a KEK, it also says which wrapped values unwrap ' +
    'under it, with their check values (DCV), and whether key1 equals key2. Exits with 6 if one does not unwrap, ' +
    'and with 8 if the only fault is equal halves.';
  static override usage = ['FILE [--json]', `FILE ${KEK_USAGE} [--json]`];
  static override examples = ['dek inspect vol-1.wrapped', 'dek inspect credential.hex --kek file:kek.bin --json'];
  static override args = {
    file: Args.string({required: true, ignoreStdin: true, description: 'file to look at'}),
  };
  static override flags = {...kekFlags};

  async run(): Promise<Inspected> {
    const {args, flags} = await this.parse(Inspect);
    const {file} = args;
    const {bytes: head, size, mode} = await readHead(file, MAX_BYTES);
    let wrapped: Identified['wrapped'] = [];
    try {
      const base = {file, bytes: size};
      if (isManifest(head)) {
        const {kind, is} = await manifestFacts(file);
        if (isKekGiven(flags)) throw noneWrapped(file, kind);
        return this.#report({...base, kind, is, exposed: false});
      }
      const identified = identify(head, size);
      wrapped = identified.wrapped;
      const exposed = identified.maybeSecret && (mode & OTHERS_MAY_READ) !== 0;
      const found: Inspected = {...base, kind: identified.kind, is: identified.is, exposed};
      return await withKekIfGiven(flags, async (kek) => {
        if (kek === undefined) return this.#report(found);
        const opened: Opened[] = [];
        for (const {name, bytes} of wrapped) opened.push(await open(kek, name, bytes));
        return this.#report({...found, kekKcv: kek.kcv ? toHex(kek.kcv) : null, opened});
      });
    } finally {
      wipe(head, ...wrapped.map(({bytes}) => bytes));
    }
  }

  #report(found: Inspected): Inspected {
    const {file, bytes, is, exposed, opened, kekKcv} = found;
    this.log(`${file}: ${bytes} bytes`);
    for (const text of is) this.log(`  ${text}`);
    if (exposed) this.log('  warning: others than its owner may read it, and it may be a secret');
    if (opened === undefined) return found;
    this.log(`  under the KEK with KCV ${kekKcv ?? 'unknown'}:`);
    if (opened.length === 0) this.log('    nothing wrapped to unwrap');
    for (const one of opened) this.log(`    ${one.name}: ${wordsOf(one)}`);
    if (opened.some(({unwraps}) => !unwraps)) process.exitCode = 6;
    else if (opened.some(({equalHalves, maybeCredential}) => equalHalves && !maybeCredential)) process.exitCode = 8;
    return found;
  }
}

function wordsOf({unwraps, dcv, equalHalves, maybeCredential}: Opened): string {
  if (!unwraps) return 'does not unwrap: another KEK, or altered';
  if (maybeCredential) return `unwraps: a credential, or a 128-bit DEK with keytag of DCV ${dcv}`;
  return `unwraps: a DEK with DCV ${dcv}${equalHalves ? ', whose key1 EQUALS key2: not to be used' : ''}`;
}

/** A manifest is not unwrapped here: its KEK must not seem to have been tried. */
function noneWrapped(file: string, kind: 'manifest' | 'release'): DekError<'BAD_ARGUMENT'> {
  return new DekError('BAD_ARGUMENT', `${file} is a ${kind}: --kek is for a file of wrapped keys`, {
    hint: kind === 'manifest' ? `dek manifest check ${file} --kek SOURCE` : 'leave out --kek',
  });
}
