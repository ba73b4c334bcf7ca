/** One test in one machine: boots it, waits for its end, and brings back what the test said and what it took. */
import {type ChildProcess, spawn, spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {until} from '../support/until.js';
import type {Needs} from './needs.js';
import {type Parts, ROOT} from './parts.js';
import {type Seconds, Stopwatch} from './stopwatch.js';

/** How QEMU runs the guest. */
export interface Accelerator {
  /** For QEMU. */
  readonly args: readonly string[];
  readonly says: string;
}

export interface Outcome {
  /** What the script ended with; null when it did not. */
  readonly status: number | null;
  readonly output: string;
  readonly console: string;
  readonly seconds: Seconds;
}

const MEBIBYTE = 2 ** 20;
const RPMB_BYTES = 2 * MEBIBYTE;

export async function boot(
  parts: Parts,
  accel: Accelerator,
  needs: Needs,
  script: string,
  kit = '/',
): Promise<Outcome> {
  const work = fs.mkdtempSync(join(tmpdir(), 'dek-vm-'));
  const children: ChildProcess[] = [];
  const clean = () => {
    for (const child of children) child.kill('SIGKILL');
    fs.rmSync(work, {recursive: true, force: true});
  };
  const interrupted = () => {
    clean();
    process.exit(130);
  };
  process.once('SIGINT', interrupted).once('SIGTERM', interrupted);
  try {
    const out = join(work, 'out');
    fs.mkdirSync(out);
    instruct(out, parts, needs, {script, kit});
    makeInitramfs(parts.kernel, join(work, 'initramfs'));
    if (needs.tpm) children.push(await startTpm(work));
    const [file, ...args] = parts.qemu;
    const qemu = spawn(file, [...args, ...machineOf(parts, accel, needs, work)], {stdio: ['ignore', 'ignore', 'pipe']});
    children.push(qemu);
    const complaints: Buffer[] = [];
    qemu.stderr.on('data', (bytes: Buffer) => {
      complaints.push(bytes);
      // It would wait for whoever comes to look.
      if (bytes.includes('KVM internal error')) qemu.kill('SIGKILL');
    });
    const seconds = await ended(qemu, needs.seconds);
    const status = readOr(join(out, 'status'), '').trim();
    return {
      status: status === '' ? null : Number(status),
      output: readOr(join(out, 'output'), ''),
      console: `${readOr(join(work, 'console'), '')}\n${Buffer.concat(complaints)}`,
      seconds,
    };
  } finally {
    process.off('SIGINT', interrupted).off('SIGTERM', interrupted);
    clean();
  }
}

/** What init and the test find in /out. */
function instruct(out: string, {kernel}: Parts, {systemd}: Needs, from: {script: string; kit: string}): void {
  const [script, kit, root, node] = [from.script, from.kit, ROOT, process.execPath].map(
    (path) => `/host${fs.realpathSync(path)}`,
  );
  const [version] = fs.readdirSync(join(kernel, 'lib', 'modules'));
  fs.writeFileSync(join(out, 'mode'), systemd ? 'systemd' : 'alone');
  fs.writeFileSync(join(out, 'modules'), fs.realpathSync(join(kernel, 'lib', 'modules', version!)));
  const lines = [
    `export DEK_ROOT=${root} DEK_NODE=${node} KIT=${kit}`,
    'cd "$DEK_ROOT/test/vm"',
    `bash ${script}`,
    'echo $? > /out/status',
    'sync',
  ];
  fs.writeFileSync(join(out, 'run'), lines.map((line) => `${line}\n`).join(''));
}

function makeInitramfs(kernel: string, output: string): void {
  const {status} = spawnSync(join(ROOT, 'test', 'vm', 'initramfs'), [kernel, output], {stdio: 'inherit'});
  if (status !== 0) throw new Error('the initramfs could not be made');
}

async function startTpm(work: string): Promise<ChildProcess> {
  const socket = join(work, 'tpm.sock');
  fs.mkdirSync(join(work, 'tpm'));
  const args = ['--tpmstate', `dir=${join(work, 'tpm')}`, '--ctrl', `type=unixio,path=${socket}`, '--terminate'];
  const child = spawn('swtpm', ['socket', '--tpm2', ...args], {stdio: 'ignore'});
  await until(() => fs.existsSync(socket), 'swtpm listens');
  return child;
}

function machineOf({kernel}: Parts, accel: Accelerator, needs: Needs, work: string): string[] {
  const [version] = fs.readdirSync(join(kernel, 'lib', 'modules'));
  const share = (path: string, tag: string) =>
    `local,path=${path},mount_tag=${tag},security_model=none,multidevs=remap`;
  const words = 'console=ttyS0 quiet loglevel=4 panic=-1 systemd.show_status=0 audit=0 mitigations=off';
  const args = [
    ...['-M', 'q35', ...accel.args, '-smp', '1', '-m', `${needs.megabytes}`],
    ...['-nodefaults', '-no-reboot', '-display', 'none', '-serial', `file:${join(work, 'console')}`],
    ...['-kernel', join(kernel, 'boot', `vmlinuz-${version}`), '-initrd', join(work, 'initramfs')],
    // A starved host makes the kernel doubt its timers.
    ...['-append', `${words} no_timer_check tsc=reliable`],
    ...['-device', 'virtio-rng-pci'],
    // The guest's root cannot write it, even if it mounts it anew.
    ...['-virtfs', `${share('/', 'host')},readonly=on`, '-virtfs', share(join(work, 'out'), 'out')],
  ];
  if (needs.tpm) {
    args.push('-chardev', `socket,id=tpm,path=${join(work, 'tpm.sock')}`);
    args.push('-tpmdev', 'emulator,id=tpm0,chardev=tpm', '-device', 'tpm-tis,tpmdev=tpm0');
  }
  if (needs.emmc) {
    // QEMU takes a user area of a power of 2 only, behind the RPMB.
    args.push('-drive', `if=none,id=emmc,format=raw,file=${imageOf(join(work, 'emmc'), RPMB_BYTES + 8 * MEBIBYTE)}`);
    args.push('-device', 'sdhci-pci', '-device', `emmc,drive=emmc,rpmb-partition-size=${RPMB_BYTES}`);
  }
  if (needs.disk) {
    args.push('-drive', `if=virtio,format=raw,file=${imageOf(join(work, 'disk'), 64 * MEBIBYTE)}`);
  }
  return args;
}

function imageOf(path: string, bytes: number): string {
  fs.writeFileSync(path, '');
  fs.truncateSync(path, bytes);
  return path;
}

/** Waits for the end of QEMU, and makes one after so many seconds; returns what it took. */
async function ended(qemu: ChildProcess, seconds: number): Promise<Seconds> {
  const stopwatch = new Stopwatch(qemu.pid!);
  const limit = setTimeout(() => qemu.kill('SIGKILL'), seconds * 1000);
  await new Promise((resolve) => qemu.once('close', resolve));
  clearTimeout(limit);
  return stopwatch.stop();
}

function readOr(path: string, otherwise: string): string {
  return fs.existsSync(path) ? fs.readFileSync(path, 'utf8') : otherwise;
}
