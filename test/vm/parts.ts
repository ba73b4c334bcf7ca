/** What the machines are made of: a kernel and QEMU 11, fetched once and kept out of the tree; what tests share. */
import {spawnSync} from 'node:child_process';
import fs from 'node:fs';
import {homedir, tmpdir} from 'node:os';
import {join} from 'node:path';
import {fileURLToPath} from 'node:url';

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

export interface Parts {
  /** Has boot/vmlinuz-VERSION and lib/modules/VERSION. */
  readonly kernel: string;
  /** The command that starts QEMU. */
  readonly qemu: readonly [file: string, ...args: string[]];
}

/** Fetches what is missing. Ends the process where that cannot be had, which was said then. */
export function ensureParts(): Parts {
  if (process.arch !== 'x64') giveUp(`the kernel and QEMU are fetched for x64 only, and this is ${process.arch}`);
  const cache = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'dek-vm');
  const [kernel, qemu] = ['kernel', 'qemu-11'].map((what) => {
    const folder = join(cache, what);
    if (fs.existsSync(folder)) return folder;
    const {status} = spawnSync(join(ROOT, 'test', 'vm', 'fetch'), [what, folder], {stdio: 'inherit'});
    if (status !== 0) giveUp(`${what} is missing and could not be fetched: no test was run`);
    return folder;
  });
  return {kernel: kernel!, qemu: privateQemu(qemu!)};
}

/** A folder with what all tests take from: test/vm/kit, with packages if one needs them. It goes with this process. */
export function makeKit(withPackages: boolean): string {
  const kit = fs.mkdtempSync(join(tmpdir(), 'dek-vm-kit-'));
  const words = withPackages ? ['packages'] : [];
  process.once('exit', () => fs.rmSync(kit, {recursive: true, force: true}));
  const {status, stdout, stderr} = spawnSync(join(ROOT, 'test', 'vm', 'kit'), [kit, ...words], {encoding: 'utf8'});
  if (status !== 0) giveUp(`test/vm/kit: ${stdout}${stderr}`);
  return kit;
}

function giveUp(why: string): never {
  console.error(`test:vm: error: ${why}`);
  process.exit(1);
}

/** With its own loader and libraries: it is of a later release of Debian than the host may be. */
function privateQemu(root: string): Parts['qemu'] {
  const libraries = join(root, 'usr/lib/x86_64-linux-gnu');
  return [
    join(root, 'usr/lib64/ld-linux-x86-64.so.2'),
    ...['--library-path', `${libraries}:${libraries}/pulseaudio`],
    join(root, 'usr/bin/qemu-system-x86_64'),
    ...['-L', join(root, 'usr/share/qemu'), '-L', join(root, 'usr/share/seabios')],
  ];
}
