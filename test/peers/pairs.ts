/**
 * ibv_rc_pingpong and its kind, and perftest: two processes on one NIC, and on two NICs of a directory. perftest with
 * encryption gets its keys by the application that it calls for them, which here is `dek`.
 */
import {execFileSync} from 'node:child_process';
import fs from 'node:fs';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {type Pair, runPair} from './pair.js';

const DEK = fileURLToPath(new URL('../../../bin/dek.cjs', import.meta.url));

export const PINGPONGS: readonly Pair[] = ['rc', 'uc', 'ud'].map((kind) => ({
  command: `ibv_${kind}_pingpong`,
  words: ['-g', '0', '-n', '200'],
}));

const PERFTESTS: readonly Pair[] = [
  {command: 'ib_write_bw', words: ['-n', '100']},
  {command: 'ib_write_bw', words: ['-n', '5', '-s', '8388608']},
  {command: 'ib_write_bw', words: ['-n', '100', '-b', '-q', '4']},
  {command: 'ib_write_bw', words: ['-n', '20', '-b', '-q', '100']},
  {command: 'ib_write_bw', words: ['-n', '100', '-c', 'UC']},
  {command: 'ib_write_lat', words: ['-n', '100']},
  {command: 'ib_read_bw', words: ['-n', '100']},
  {command: 'ib_read_lat', words: ['-n', '100']},
  {command: 'ib_send_bw', words: ['-n', '100', '-e']},
  {command: 'ib_send_bw', words: ['-n', '20', '-b', '-e', '-q', '16', '--use-srq']},
  {command: 'ib_send_bw', words: ['-n', '500', '-b', '-c', 'UC']},
  {command: 'ib_send_bw', words: ['-n', '500', '-c', 'UD']},
  {command: 'ib_send_lat', words: ['-n', '100']},
  {command: 'ib_atomic_bw', words: ['-n', '100']},
  {command: 'ib_atomic_lat', words: ['-n', '100', '-A', 'CMP_AND_SWAP']},
];

/**
 * perftest with encryption: its credential and keys are files with a number a line. It calls an application for the
 * keys, with the paths of the KEK and of a file; both sides name that file after the second, and remove it when they
 * have read it, so that the client's application has to come later.
 */
function encrypted(device: TestDevice, directory: string): Pair[] {
  const [wrapped, credentials] = [join(directory, 'credential.wrapped'), join(directory, 'credentials')];
  fs.writeFileSync(wrapped, device.wrappedCredential);
  convert(wrapped, '--credential', '--output', credentials);
  const application = (name: string, first: string): string => {
    const path = join(directory, name);
    const dek = `'${process.execPath}' '${DEK}'`;
    const keygen = `${dek} keygen --size 128 --kek "file:$1" --output "$2.raw"`;
    const script = `${first}\n${keygen} && ${dek} convert "$2.raw" --from raw --to perftest --output "$2"; rm "$2.raw"`;
    fs.writeFileSync(path, `#!/bin/sh\n{ ${script}\n} 2>/dev/null\n`, {mode: 0o700});
    return path;
  };
  const [now, later] = [application('data-key', ':'), application('data-key-later', 'sleep 3')];
  const files = ['--credentials_path', credentials, '--kek_path', device.nic.kekFile];
  const words = ['-n', '50', '-s', '512', '--aes_xts', '--encrypt_on_tx', ...files, '--data_enc_key_app_path', now];
  const clientWords = ['--data_enc_key_app_path', later];
  return ['ib_write_bw', 'ib_read_bw', 'ib_send_bw'].map((command) => ({command, words, clientWords}));
}

function convert(file: string, ...more: string[]): void {
  execFileSync(process.execPath, [DEK, 'convert', file, '--from', 'raw', '--to', 'perftest', ...more], {
    stdio: 'ignore',
  });
}

/** Runs pairs one after the other, on one NIC and on two. Returns what is wrong, a line each. */
export async function pairsOn(pairs: readonly Pair[]): Promise<string[]> {
  const device = await testDevice({kekId: 0, credentialId: 0, devices: 2});
  const found: string[] = [];
  try {
    for (const devices of [undefined, ['mlx5_0', 'mlx5_1']] as const) {
      for (const pair of pairs) found.push(...(await runPair(device, devices ? {...pair, devices} : pair)));
    }
    for (const name of device.nic.devices) {
      const {live} = device.nic.show(name);
      if (live.contexts > 0) found.push(`${name}: ${live.contexts} contexts are left open`);
    }
    return found;
  } finally {
    device.remove();
  }
}

export async function pingpongs(): Promise<string[]> {
  return pairsOn(PINGPONGS);
}

export async function perftest(): Promise<string[]> {
  const device = await testDevice({kekId: 0, credentialId: 0});
  const directory = fs.mkdtempSync(join(device.directory, 'perftest-'));
  try {
    const found = await pairsOn(PERFTESTS);
    for (const pair of encrypted(device, directory)) found.push(...(await runPair(device, pair)));
    const {bytesEncrypted, bytesDecrypted} = device.nic.show().total;
    console.log(`  with encryption: ${bytesEncrypted} bytes encrypted, ${bytesDecrypted} decrypted`);
    return bytesEncrypted > 0 ? found : [...found, 'nothing was encrypted'];
  } finally {
    device.remove();
  }
}
