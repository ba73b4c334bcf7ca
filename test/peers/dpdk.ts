/**
 * DPDK's driver of the NIC's AES-XTS (crypto/mlx5), by the programs that Debian ships in dpdk-dev: `dpdk-test` with its
 * vectors of wrapped keys, and `dpdk-test-crypto-perf` with a vector of OpenSSL's. Both find the NIC by the PCI tree of
 * the virtual one.
 */
import {spawn} from 'node:child_process';
import {randomBytes} from 'node:crypto';
import fs from 'node:fs';
import {join} from 'node:path';
import {type TestDevice, testDevice} from '../support/nic/device.js';
import {xts} from '../support/nic/xts.js';

/** Of what hangs. The first one takes nine minutes of processor time, most of it DPDK's own. */
const LIMIT_MS = 3_600_000;
const UNIT_BYTES = 512;
/** How many cases of AES-XTS with wrapped keys there are, but for those that follow. */
const LEAST = 12;
/**
 * Four more fail in dpdk-test of DPDK 22.11 itself, before the driver is asked: their output buffer has room for 4,288
 * bytes, gets 4,096, and is to get 4,096 more ("No room to append mbuf").
 */
const NO_ROOM = /4096-byte plaintext .* Scatter gather OOP/;

/** Runs a program of DPDK, and returns what it prints. Nothing is left of it. */
async function run(
  device: TestDevice,
  [program, ...args]: readonly [string, ...string[]],
  input = '',
): Promise<string> {
  const prefix = `dek-${process.pid}-${randomBytes(4).toString('hex')}`;
  const runtime = join(device.directory, 'dpdk');
  fs.mkdirSync(runtime, {recursive: true, mode: 0o700});
  const wcs = join(device.directory, 'credential.hex');
  fs.writeFileSync(wcs, Buffer.from(device.wrappedCredential).toString('hex'), {mode: 0o600});
  const nic = `0000:3b:00.0,class=crypto,wcs_file=${wcs}`;
  const child = spawn(program, ['--file-prefix', prefix, '--no-huge', '--no-telemetry', '-a', nic, ...args], {
    env: {...device.nic.environment(), XDG_RUNTIME_DIR: runtime},
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const timer = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text;
    });
  }
  child.stdin.on('error', () => {}); // it may be gone: what it printed tells
  child.stdin.end(input);
  try {
    const status = await new Promise((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code, signal) => resolve(signal ?? code));
    });
    return `${output}\n${program} ended with ${status}\n`;
  } finally {
    clearTimeout(timer);
    fs.rmSync(join('/var/run/dpdk', prefix), {recursive: true, force: true}); // where it goes as root
  }
}

/** Its vectors are wrapped under a KEK of zeros, and have a credential of zeros. */
async function autotest(): Promise<string[]> {
  const device = await testDevice({
    kek: new Uint8Array(16),
    kekId: 0,
    credential: new Uint8Array(40),
    credentialId: 0,
    settings: {engines: ['single-block']},
  });
  const start = performance.now();
  try {
    const output = await run(device, ['dpdk-test', '-m', '4096'], 'cryptodev_mlx5_autotest\nquit\n');
    const cases = Array.from(output.matchAll(/TestCase \[ ?\d+\] : (.*) (succeeded|failed|skipped)$/gm));
    // Of AES-XTS there are more: those of keys that are not wrapped the driver skips itself.
    const ofXts = cases.filter(([, name, how]) => /XTS/.test(name!) && !NO_ROOM.test(name!) && how !== 'skipped');
    const passed = ofXts.filter(([, , how]) => how === 'succeeded').length;
    const failed = cases.filter(([, name, how]) => how === 'failed' && !NO_ROOM.test(name!)).map(([line]) => line);
    const seconds = ((performance.now() - start) / 1000).toFixed(0);
    console.log(`  cryptodev_mlx5_autotest: ${passed} of ${ofXts.length} AES-XTS cases passed, ${seconds} s`);
    const whole = passed >= LEAST && /Test Suite Summary : Cryptodev Unit Test Suite/.test(output);
    return [...failed, ...(whole ? [] : [`${passed} passed, not ${LEAST}: ${output.slice(-2000)}`])];
  } finally {
    device.remove();
  }
}

/** A vector as dpdk-test-crypto-perf reads it; its IV is big-endian, as this NIC with both engines takes it. */
function vectorOf(keys: {key1: Buffer; key2: Buffer}, given: {key1: Buffer; key2: Buffer}): string {
  const [iv, plaintext] = [randomBytes(16), randomBytes(UNIT_BYTES)];
  const ciphertext = xts(keys, Buffer.from(iv).reverse(), plaintext);
  const list = (bytes: Buffer): string =>
    Array.from(bytes, (byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(', ');
  const fields = {plaintext, cipher_key: Buffer.concat([given.key1, given.key2]), cipher_iv: iv, ciphertext};
  return Object.entries(fields)
    .map(([name, bytes]) => `${name} =\n${list(bytes)}\n`)
    .join('\n');
}

/** How many operations failed, of 64, with a vector; NaN: it did not come that far. */
async function failedOperations(device: TestDevice, vector: string): Promise<number> {
  const file = join(device.directory, 'vector.data');
  fs.writeFileSync(file, vector);
  const output = await run(device, [
    ...(['dpdk-test-crypto-perf', '-m', '2048', '--lcores', '0@0,1@0', '--'] as const),
    ...['--ptest', 'verify', '--devtype', 'mlx5_pci', '--optype', 'cipher-only', '--cipher-algo', 'aes-xts'],
    ...['--cipher-op', 'encrypt', '--cipher-key-sz', '32', '--cipher-iv-sz', '16', '--buffer-sz', String(UNIT_BYTES)],
    ...['--total-ops', '64', '--burst-sz', '4', '--desc-nb', '64', '--test-file', file],
  ]);
  // lcore, buffer, burst, enqueued, dequeued, failed enqueues, failed dequeues, failed operations
  const [, enqueued, dequeued, failed] = /^ +\d+ +\d+ +\d+ +(\d+) +(\d+) +\d+ +\d+ +(\d+)/m.exec(output) ?? [];
  return enqueued === '64' && dequeued === '64' ? Number(failed) : Number.NaN;
}

async function verify(): Promise<string[]> {
  const device = await testDevice({kekId: 0, credentialId: 0, settings: {importMode: 'plaintext'}});
  const keys = {key1: randomBytes(16), key2: randomBytes(16)};
  try {
    const right = await failedOperations(device, vectorOf(keys, keys));
    const wrong = await failedOperations(device, vectorOf(keys, {key1: keys.key2, key2: keys.key1}));
    console.log(`  dpdk-test-crypto-perf --ptest verify: ${right} of 64 failed; with swapped halves ${wrong}`);
    return [
      ...(right === 0 ? [] : [`verify: ${right} of 64 operations failed`]),
      ...(wrong === 64 ? [] : [`verify, with swapped halves: ${wrong} of 64 operations failed, not all`]),
    ];
  } finally {
    device.remove();
  }
}

export async function dpdk(): Promise<string[]> {
  return [...(await verify()), ...(await autotest())];
}
