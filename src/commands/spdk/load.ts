import * as Flags from '@oclif/core/flags';
import {equalBytes, wipe} from '../../bytes.js';
import {DekCommand} from '../../cli/base.js';
import {KEK_USAGE, kekFlags, withKek} from '../../cli/flags/kek.js';
import {countDeks} from '../../cli/output/phrases.js';
import {Progress} from '../../cli/output/progress.js';
import {layoutOf} from '../../dek-layout.js';
import {DekError, withMessage} from '../../errors.js';
import {type ManifestEntry, openManifest} from '../../manifest/index.js';
import {SpdkClient} from '../../spdk/rpc.js';
import {wholeButEqual} from '../../wrap/dek-keys.js';
import type {KekHandle} from '../../wrap/kek-handle.js';

interface Loaded {
  /** The names of the keys that SPDK has now. */
  loaded: string[];
  socket: string;
}

export default class SpdkLoad extends DekCommand {
  static override summary = 'give the keys of a manifest to an SPDK application';
  static override description =
    'Unwraps the DEKs of a manifest and creates a key of each name in the application, by accel_crypto_key_create on ' +
    "its JSON-RPC socket. SPDK's keys are plaintext: the application has them in its memory, and its save_config " +
    'prints them. So this is for accelerators that take nothing else; where the NIC encrypts RDMA traffic, wrapped ' +
    'DEKs need no plaintext on the host. Nothing of a key is in an argument, as rpc.py has it. SPDK has no keytags: ' +
    'a DEK with one is refused before anything is sent. The socket has to belong to this user or to root. Tried ' +
    "with a server that follows SPDK's schema, not with SPDK itself.";
  static override usage = `--socket PATH --manifest FILE ${KEK_USAGE} [--name NAME,...] [--json]`;
  static override examples = [
    'dek spdk load --socket /var/tmp/spdk.sock --manifest volumes.manifest --kek file:kek.bin',
    'dek spdk load --socket /var/tmp/spdk.sock --manifest volumes.manifest --kek file:kek.bin --name vol-1',
  ];
  static override flags = {
    socket: Flags.string({
      required: true,
      helpValue: 'PATH',
      description: 'socket for JSON-RPC of the application, as its option -r names it',
    }),
    manifest: Flags.string({required: true, helpValue: 'FILE', description: 'manifest of the keys'}),
    name: Flags.string({
      helpValue: 'NAME,...',
      multiple: true,
      delimiter: ',',
      default: [],
      description: 'only these DEKs (default: all)',
    }),
    ...kekFlags,
  };

  async run(): Promise<Loaded> {
    const {flags} = await this.parse(SpdkLoad);
    const entries = await readEntries(flags.manifest, flags.name);
    const loaded: string[] = [];
    const progress = new Progress(!this.jsonEnabled());
    await withKek(flags, async (kek) => {
      const spdk = await SpdkClient.connect(flags.socket);
      try {
        for (const entry of entries) {
          await load(spdk, kek, entry);
          loaded.push(entry.name);
          progress.update('loaded', loaded.length, entries.length);
        }
      } catch (error) {
        throw error instanceof DekError ? withLoaded(error, loaded.length) : error;
      } finally {
        progress.end();
        spdk.close();
      }
    });
    this.log(`loaded ${countDeks(loaded.length)} into ${flags.socket}, in plaintext`);
    return {loaded, socket: flags.socket};
  }
}

/** Reads the whole manifest before anything is sent. Throws NO_DEK, and UNSUPPORTED for a DEK with a keytag. */
async function readEntries(path: string, names: readonly string[]): Promise<ManifestEntry[]> {
  const found: ManifestEntry[] = [];
  const {entries} = await openManifest(path);
  for await (const entry of entries) if (names.length === 0 || names.includes(entry.name)) found.push(entry);
  const missing = names.find((name) => !found.some((entry) => entry.name === name));
  if (missing !== undefined) throw new DekError('NO_DEK', `${path} has no DEK called ${JSON.stringify(missing)}`);
  const tagged = found.find(({keytag}) => keytag);
  if (tagged) {
    throw new DekError('UNSUPPORTED', `${tagged.name} has a keytag, and SPDK has none: it would encrypt without it`, {
      hint: 'choose DEKs without keytag by --name',
    });
  }
  return found;
}

async function load(spdk: SpdkClient, kek: KekHandle, {name, wrapped, keySize}: ManifestEntry): Promise<void> {
  const plaintext = await kek.unwrap(wrapped, layoutOf(keySize, false).plaintextBytes);
  try {
    const half = plaintext.length / 2;
    if (equalBytes(plaintext.subarray(0, half), plaintext.subarray(half))) throw wholeButEqual(`${name}: `);
    await spdk.createKey(name, plaintext);
  } finally {
    wipe(plaintext);
  }
}

function withLoaded(error: DekError, count: number): DekError {
  const before = count === 0 ? 'nothing was loaded' : `${countDeks(count)} before it stay loaded`;
  return withMessage(error, `${error.message}; ${before}`);
}
