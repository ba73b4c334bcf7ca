/** How QEMU runs the guest: by KVM, when it can start our kernel; else by its translator. */
import fs from 'node:fs';
import {join} from 'node:path';
import {systemCode} from '../../src/errors.js';
import {type Accelerator, boot} from './machine.js';
import {needsOf} from './needs.js';
import {type Parts, ROOT} from './parts.js';

const KVM: Accelerator = {args: ['-accel', 'kvm', '-cpu', 'host'], says: 'with KVM'};

/**
 * Some hosts have a /dev/kvm that can be opened and starts no kernel but those that were made for it: one boot tells
 * more than the node does.
 */
export async function accelerator(parts: Parts): Promise<Accelerator> {
  if (process.env['SLOW_VM']) return withoutKvm('SLOW_VM is set');
  try {
    fs.closeSync(fs.openSync('/dev/kvm', 'r+'));
  } catch (error) {
    return withoutKvm(`/dev/kvm: ${systemCode(error)}`);
  }
  const nothing = join(ROOT, 'test', 'vm', 'inside', 'nothing.sh');
  const {status} = await boot(parts, KVM, needsOf('# vm: seconds=20', 'nothing'), nothing);
  return status === 0 ? KVM : withoutKvm('with the /dev/kvm of this host the kernel does not start');
}

function withoutKvm(why: string): Accelerator {
  return {args: ['-accel', 'tcg,thread=single', '-cpu', 'Nehalem'], says: `without KVM, some times as slow: ${why}`};
}
